package worker

import (
	"strings"
	"testing"

	"braid/kernel/eval"
)

func TestDiagnose(t *testing.T) {
	const inRun = "\n\ngoroutine 13 gp=0xc0000 m=3 mp=0x1 [running labels:{\"braid\": \"42\"}]:\nmain.f()\n"
	tests := []struct {
		name, crash string
		cause       *eval.Error
		limits      eval.Limits
		want        eval.Error
		run         int
	}{
		{
			name:  "map",
			crash: "fatal error: concurrent map iteration and map write\n\ngoroutine 9 [running labels:{\"braid\": \"7\"}]:\nx()\n",
			want:  eval.Error{Name: eval.FatalError, Value: "fatal error: concurrent map iteration and map write", Notes: mapAdvice}, run: 7,
		},
		{
			name:  "stack",
			crash: "runtime: goroutine stack exceeds 268435456-byte limit\nruntime: sp=0xc02 stack=[0xc0, 0xc1]\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw()" + inRun,
			want:  eval.Error{Name: eval.FatalError, Value: "fatal error: stack overflow", Notes: stackAdvice}, run: 42,
		},
		{
			name:  "memory",
			crash: "runtime: VirtualAlloc failed\nfatal error: runtime: cannot allocate memory" + inRun,
			want:  eval.Error{Name: eval.FatalError, Value: "fatal error: out of memory", Notes: memoryAdvice}, run: 42,
		},
		{
			name:   "memory under a limit",
			crash:  "fatal error: runtime: out of memory" + inRun,
			limits: eval.Limits{Memory: 1 << 30},
			want:   *memoryLimitError(1 << 30), run: 42,
		},
		{
			name:  "a panic of native code",
			crash: "panic: stack overflow of plates\n\ngoroutine 5 [running]:\nconcurrent map writes()\n",
			want:  eval.Error{Name: eval.FatalError, Value: "panic: stack overflow of plates", Notes: nativeAdvice},
		},
		{
			name:  "our own kill wins",
			crash: "SIGQUIT: quit\n",
			cause: timeLimitError(2),
			want:  *timeLimitError(2),
		},
		{
			name:  "bad bytes",
			crash: "fatal error: \xff\xfe\n",
			want:  eval.Error{Name: eval.FatalError, Value: "fatal error: \uFFFD"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := diagnose([]byte(tt.crash), nil, tt.cause, tt.limits)
			if d.Err.Name != tt.want.Name || d.Err.Value != tt.want.Value || d.Run != tt.run ||
				strings.Join(d.Err.Notes, "\n") != strings.Join(tt.want.Notes, "\n") {
				t.Errorf("run %d, %+v\nwant run %d, %+v", d.Run, d.Err, tt.run, tt.want)
			}
		})
	}
}

// However much a dying runtime prints, its beginning and its end are kept.
func TestCrashTextIsBounded(t *testing.T) {
	var c crashText
	firsts := 0
	c.read(strings.NewReader("fatal error: x\n"+strings.Repeat("frame\n", 1<<20)+"the end"), func() { firsts++ })
	if len(c.text) > crashHead+crashTail || firsts != 1 {
		t.Errorf("%d bytes kept, first called %d times", len(c.text), firsts)
	}
	if s := string(c.text); !strings.HasPrefix(s, "fatal error: x\n") || !strings.HasSuffix(s, "frame\nthe end") {
		t.Errorf("kept %q … %q", s[:20], s[len(s)-20:])
	}
}
