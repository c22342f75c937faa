// Package prompt asks for a line on a terminal that does not show what is typed.
//
// Whatever ends the question (an answer, a signal, a hang-up, a stop of the job), the terminal
// shows again what is typed. It imports nothing of ours, and keeps nothing of the answer.
package prompt
