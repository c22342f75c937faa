#include "textflag.h"

// SHA-256 by the SHA extensions (Intel SDM, "SHA256RNDS2"). The state of a lane is
// kept as the instructions want it: ABEF and CDGH. A group is four rounds; the
// message schedule runs ahead of it. One lane alone waits for the latency of
// SHA256RNDS2; the other lane's instructions fill the gap.

DATA flip<>+0(SB)/8, $0x0405060700010203
DATA flip<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA|NOPTR, $16

// LOAD reads four message words.
#define LOAD(p, off, m) \
	MOVOU  off(p), m  \
	PSHUFB X14, m

// ROUNDS is one group of one lane.
#define ROUNDS(k, ab, cd, m) \
	VPADDD      (k*16)(R8), m, X0 \
	SHA256RNDS2 X0, ab, cd        \
	PSHUFD      $0x0e, X0, X0     \
	SHA256RNDS2 X0, cd, ab

// NEXT finishes the words of the group after cur.
#define NEXT(prev, cur, next) \
	VPALIGNR   $4, prev, cur, X13 \
	PADDD      X13, next          \
	SHA256MSG2 cur, next

// STATE loads a state of eight words and puts it into the lane's order.
#define STATE(p, ab, cd) \
	MOVOU    0(p), X13          \
	MOVOU    16(p), cd          \
	PSHUFD   $0xb1, X13, X13    \
	PSHUFD   $0x1b, cd, cd      \
	VPALIGNR $8, cd, X13, ab    \
	PBLENDW  $0xf0, X13, cd

// STORE is the reverse of STATE.
#define STORE(p, ab, cd) \
	PSHUFD   $0x1b, ab, ab      \
	PSHUFD   $0xb1, cd, cd      \
	VPBLENDW $0xf0, cd, ab, X13 \
	PALIGNR  $8, ab, cd         \
	MOVOU    X13, 0(p)          \
	MOVOU    cd, 16(p)

// func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)
TEXT ·blocks(SB), NOSPLIT, $64-48
	MOVQ a+0(FP), AX
	MOVQ b+8(FP), BX
	MOVQ p+16(FP), SI
	MOVQ q+24(FP), DI
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), R8
	MOVOU flip<>(SB), X14
	STATE(AX, X1, X2)
	STATE(BX, X7, X8)

loop:
	MOVOU X1, 0(SP)
	MOVOU X2, 16(SP)
	MOVOU X7, 32(SP)
	MOVOU X8, 48(SP)

	LOAD(SI, 0, X3)
	LOAD(DI, 0, X9)
	ROUNDS(0, X1, X2, X3)
	ROUNDS(0, X7, X8, X9)

	LOAD(SI, 16, X4)
	LOAD(DI, 16, X10)
	ROUNDS(1, X1, X2, X4)
	ROUNDS(1, X7, X8, X10)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9

	LOAD(SI, 32, X5)
	LOAD(DI, 32, X11)
	ROUNDS(2, X1, X2, X5)
	ROUNDS(2, X7, X8, X11)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10

	LOAD(SI, 48, X6)
	LOAD(DI, 48, X12)

#define GROUP(k, a0, a1, a2, a3, b0, b1, b2, b3) \
	ROUNDS(k, X1, X2, a3) \
	ROUNDS(k, X7, X8, b3) \
	NEXT(a2, a3, a0)      \
	NEXT(b2, b3, b0)      \
	SHA256MSG1 a3, a2     \
	SHA256MSG1 b3, b2

	GROUP(3, X3, X4, X5, X6, X9, X10, X11, X12)
	GROUP(4, X4, X5, X6, X3, X10, X11, X12, X9)
	GROUP(5, X5, X6, X3, X4, X11, X12, X9, X10)
	GROUP(6, X6, X3, X4, X5, X12, X9, X10, X11)
	GROUP(7, X3, X4, X5, X6, X9, X10, X11, X12)
	GROUP(8, X4, X5, X6, X3, X10, X11, X12, X9)
	GROUP(9, X5, X6, X3, X4, X11, X12, X9, X10)
	GROUP(10, X6, X3, X4, X5, X12, X9, X10, X11)
	GROUP(11, X3, X4, X5, X6, X9, X10, X11, X12)
	GROUP(12, X4, X5, X6, X3, X10, X11, X12, X9)

	ROUNDS(13, X1, X2, X4)
	ROUNDS(13, X7, X8, X10)
	NEXT(X3, X4, X5)
	NEXT(X9, X10, X11)
	ROUNDS(14, X1, X2, X5)
	ROUNDS(14, X7, X8, X11)
	NEXT(X4, X5, X6)
	NEXT(X10, X11, X12)
	ROUNDS(15, X1, X2, X6)
	ROUNDS(15, X7, X8, X12)

	MOVOU 0(SP), X3
	MOVOU 16(SP), X4
	MOVOU 32(SP), X5
	MOVOU 48(SP), X6
	PADDD X3, X1
	PADDD X4, X2
	PADDD X5, X7
	PADDD X6, X8

	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop

	STORE(AX, X1, X2)
	STORE(BX, X7, X8)
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	MOVL DX, d+20(FP)
	RET

// func xgetbv() (low uint32)
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, low+0(FP)
	RET
