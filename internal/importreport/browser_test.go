package importreport

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium finds a browser, or skips the test by name.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("chromium: the command is absent (make browser-deps)")
	return ""
}

// dump loads a page and returns its document and what the browser complained of.
func dump(t *testing.T, browser, url string) (document, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
		"--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--window-size=1400,1000", "--virtual-time-budget=20000", "--dump-dom", url)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%.2000s", browser, err, &errs)
	}
	return out.String(), errs.String()
}

// frames shows each page at desktop and phone width and writes down how wide it
// became. The report itself holds no script; the frame around it measures.
func frames(names []string) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><title>frames</title>")
	for _, name := range names {
		for _, width := range []int{1280, 360} {
			fmt.Fprintf(&b, `<iframe src="/%s" name="%s at %d" style="border:0;width:%dpx;height:800px"></iframe>`, name, name, width, width)
		}
	}
	b.WriteString(`<ul></ul><script>
addEventListener('load', () => { for (const f of document.querySelectorAll('iframe')) {
  const d = f.contentDocument, li = document.createElement('li');
  const wide = [...d.querySelectorAll('body *')].filter(e => !e.closest('thead') && e.getBoundingClientRect().right > d.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 120));
  const cut = [...d.querySelectorAll('td,th,dd,span,p,li')].filter(e => !e.closest('thead') && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline').map(e => e.outerHTML.slice(0, 120));
  cut.push(...[...d.querySelectorAll('caption,h1,h2,h3,.verdict')].filter(e => e.offsetWidth < 200 || e.offsetHeight > 250).map(e => 'squeezed: ' + e.outerHTML.slice(0, 120)));
  li.textContent = f.name + ': width ' + d.documentElement.scrollWidth + ' of ' + d.documentElement.clientWidth + ' in ' + f.clientWidth + ', title ' + d.title.slice(0, 18) + ', rules ' + (getComputedStyle(d.querySelector('main')).maxWidth) + ', over ' + wide.concat(cut).join(' | ');
  document.querySelector('ul').append(li);
}})</script>`)
	return b.String()
}

// TestBrowser looks at the page with a real browser at both widths: nothing sticks
// out, nothing is fetched, nothing is complained of. SLEDGE_PAGES=DIR keeps the
// pages, to be looked at by people.
func TestBrowser(t *testing.T) {
	browser := chromium(t)
	second := cleanRun()
	second.scope = testScope
	second.scope.Device[0] = 99
	pages := map[string][]aRun{"clean.html": {cleanRun()}, "troubled.html": {troubledRun()}, "hostile.html": {hostileRun()}, "open.html": {openRun()},
		"devices.html": {troubledRun(), second}}
	var mu sync.Mutex
	var asked []string
	mux := http.NewServeMux()
	var names []string
	for name, runs := range pages {
		var devices []*Device
		for _, run := range runs {
			devices = append(devices, read(t, run.folder(t)))
		}
		var page bytes.Buffer
		must(t, reportOf(t, devices...).HTML(&page))
		if dir := os.Getenv("SLEDGE_PAGES"); dir != "" {
			must(t, os.WriteFile(filepath.Join(dir, name), page.Bytes(), 0o644))
		}
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { w.Write(page.Bytes()) })
		names = append(names, name)
	}
	mux.HandleFunc("/frames", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, frames(names)) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	document, console := dump(t, browser, server.URL+"/frames")
	for _, name := range names {
		for _, width := range []int{1280, 360} {
			_, found, ok := strings.Cut(document, fmt.Sprintf("<li>%s at %d: ", name, width))
			found, _, _ = strings.Cut(found, "</li>")
			var wide, room, frame int
			_, err := fmt.Sscanf(found, "width %d of %d in %d, title Import report, job, rules 960px, over", &wide, &room, &frame)
			if !ok || err != nil || wide != room || frame != width || !strings.HasSuffix(found, ", over ") {
				t.Errorf("%s at %d pixels: %v: %.3000s", name, width, err, found)
			}
		}
	}
	for _, line := range strings.Split(console, "\n") {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser says: %s", line)
		}
	}
	for _, path := range asked {
		if pages[strings.TrimPrefix(path, "/")] == nil && path != "/frames" && path != "/favicon.ico" { // the frame's own icon
			t.Errorf("the browser asked for %s", path)
		}
	}
}
