package kernel

import (
	"context"
	"os"
	"syscall"
	"testing"

	"braid/kernel/eval"
	"braid/kernel/session"
)

// Everything that control serves is answered there while a cell runs.
func TestControlWhileBusy(t *testing.T) {
	f := start(t)
	cell := f.run("block")
	cell.saw("execute_input")
	for _, msgType := range []string{"kernel_info_request", "usage_request", "connect_request", "create_subshell_request", "list_subshell_request", "interrupt_request"} {
		r := f.on("control", msgType, content{}).result()
		r.wantOutline("busy idle")
		r.reply.want(t, content{"status": "ok"})
	}
	r := cell.result()
	r.wantOutline("busy execute_input error idle")
	r.reply.want(t, content{"status": "error", "ename": "Interrupted"})
}

func TestKernelInfo(t *testing.T) {
	f := start(t)
	for _, channel := range []string{"shell", "control"} {
		r := f.on(channel, "kernel_info_request", content{}).result()
		r.reply.want(t, content{
			"status": "ok", "protocol_version": "5.5", "implementation": "braid", "implementation_version": "1.2.3",
			"supported_features": []string{"kernel subshells"},
		})
		info := r.reply.content["language_info"].(map[string]any)
		for name, want := range map[string]string{
			"name": "go", "mimetype": "text/x-go", "file_extension": ".go",
			"pygments_lexer": "go", "codemirror_mode": "go", "nbconvert_exporter": "script",
		} {
			if info[name] != want {
				t.Errorf("language_info.%s is %v, want %s", name, info[name], want)
			}
		}
		if r.reply.Header.Version != "5.5" {
			t.Errorf("header version %s", r.reply.Header.Version)
		}
	}
}

func TestConnect(t *testing.T) {
	start(t).request("connect_request", content{}).reply.want(t, content{
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
	})
}

func TestUsage(t *testing.T) {
	r := start(t).on("control", "usage_request", content{}).result()
	r.reply.want(t, content{"status": "ok", "pid": os.Getpid()})
	if n, _ := r.reply.content["kernel_memory"].(float64); n < 1<<20 {
		t.Errorf("kernel_memory is %v bytes", n)
	}
}

func TestDebugRefused(t *testing.T) {
	r := start(t).on("control", "debug_request", content{"type": "request", "seq": 7, "command": "initialize"}).result()
	r.reply.want(t, content{"type": "response", "request_seq": 7, "command": "initialize", "success": false})
}

func TestUnknownType(t *testing.T) {
	f := start(t)
	for _, channel := range []string{"shell", "control"} {
		s := f.on(channel, "frobnicate_request", content{"x": 1})
		result{t: t, iopub: s.outputs()}.wantOutline("busy idle")
	}
	f.execute("print a").wantOutline("busy execute_input stdout:a\n idle")
	for _, m := range f.all() {
		if m.Header.MsgType == "frobnicate_reply" {
			t.Error("a request nobody knows was answered")
		}
	}
}

// An execute_request may come on control; its reply goes out there.
func TestExecuteOnControl(t *testing.T) {
	f := start(t)
	f.on("control", "execute_request", content{"code": "print a"}).result().wantOutline("busy execute_input stdout:a\n idle")
}

func TestInterrupt(t *testing.T) {
	interrupts := map[string]func(f *front){
		"message": func(f *front) {
			f.on("control", "interrupt_request", content{}).result().reply.want(t, content{"status": "ok"})
		},
		"SIGINT": func(f *front) {
			f.kernel.signals <- os.Interrupt
			f.kernel.signals <- syscall.SIGHUP // means nothing, but is taken after that
		},
	}
	for name, interrupt := range interrupts {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			running, queued := f.run("block", content{"stop_on_error": false}), f.run("print no")
			running.saw("execute_input")
			f.request("complete_request", content{"code": ""}) // read after it, so queued it is
			interrupt(f)
			running.result().reply.want(t, content{"status": "error", "ename": "Interrupted"})
			r := queued.result()
			r.wantOutline("busy idle")
			r.reply.want(t, content{"status": "aborted"})
			for range 3 { // of an idle kernel: nothing happens
				interrupt(f)
			}
			f.execute("print a").wantOutline("busy execute_input stdout:a\n idle")
		})
	}
}

// A cell that ends well in spite of an interrupt is no failure.
func TestInterruptComesTooLate(t *testing.T) {
	f := start(t)
	f.kernel.fake.cells["deaf"] = func(ctx context.Context, sink session.Sink) *session.Failure {
		<-ctx.Done()
		sink.Emit(eval.Event{Stream: &eval.Stream{Name: "stdout", Text: "done\n"}})
		return nil
	}
	cell := f.run("deaf")
	cell.saw("execute_input")
	f.on("control", "interrupt_request", content{})
	r := cell.result()
	r.wantOutline("busy execute_input stdout:done\n idle")
	r.reply.want(t, content{"status": "ok"})
}

func TestShutdown(t *testing.T) {
	for _, channel := range []string{"control", "shell"} {
		for _, restart := range []bool{true, false} {
			f := start(t)
			cell := f.run("block")
			cell.saw("execute_input")
			s := f.on(channel, "shutdown_request", content{"restart": restart})
			r := s.result()
			r.wantOutline("busy shutdown_reply idle")
			r.reply.want(t, content{"status": "ok", "restart": restart})
			r.of("shutdown_reply").want(t, content{"status": "ok", "restart": restart})
			if err := f.kernel.wait(); err != nil {
				t.Errorf("Serve returned %v", err)
			}
			if n := f.kernel.fake.closes; n != 1 {
				t.Errorf("the session was closed %d times", n)
			}
			cell.result().reply.want(t, content{"status": "error"}) // before the sockets closed
		}
	}
}

func TestSIGTERM(t *testing.T) {
	f := start(t)
	f.run("block").saw("execute_input")
	f.kernel.signals <- syscall.SIGTERM
	if err := f.kernel.wait(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestParentDies(t *testing.T) {
	s := serve(t, func(o *Options) {
		o.ParentPID, o.getppid = 1234, func() int { return 1 }
	})
	if err := s.wait(); err != ErrParentDied {
		t.Errorf("Serve returned %v, want %v", err, ErrParentDied)
	}
	if s.fake.closes != 1 {
		t.Error("the session was not closed")
	}
}

func TestParentPID(t *testing.T) {
	for value, want := range map[string]int{
		"": 0, "x": 0, "0": 0, "1": 0, "-5": 0, "999999999": 0, // not our parent
	} {
		t.Setenv("JPY_PARENT_PID", value)
		if got := ParentPID(); got != want {
			t.Errorf("JPY_PARENT_PID=%q: %d, want %d", value, got, want)
		}
	}
}

func TestWelcome(t *testing.T) {
	f := start(t)
	f.request("kernel_info_request", content{})
	f.kernel.net.welcome(nil)
	f.kernel.net.welcome([]byte("topic"))
	f.kernel.net.welcome([]byte("\xff"))
	f.await("two greetings", func(ms []message) bool {
		var seen []string
		for _, m := range ms {
			if m.Header.MsgType == "iopub_welcome" {
				if m.parent != "" || string(m.Identities[0]) != m.content["subscription"] {
					t.Errorf("bad greeting %v under topic %q", m, m.Identities[0])
				}
				seen = append(seen, m.content["subscription"].(string))
			}
		}
		return len(seen) == 2 && seen[0] == "" && seen[1] == "topic"
	})
}

// One session id in all messages, "starting" first and without a parent.
func TestIdentityOfTheKernel(t *testing.T) {
	f := start(t)
	f.execute("print a")
	f.on("control", "kernel_info_request", content{}).result()
	ids, sessions := map[string]bool{}, map[string]bool{}
	for _, m := range f.all() {
		sessions[m.Header.Session] = true
		if ids[m.Header.MsgID] {
			t.Errorf("msg_id %s twice", m.Header.MsgID)
		}
		ids[m.Header.MsgID] = true
	}
	if len(sessions) != 1 {
		t.Errorf("%d session ids: front ends drop messages then", len(sessions))
	}
}
