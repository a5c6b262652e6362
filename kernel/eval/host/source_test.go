package host

import "testing"

func TestWritesRaw(t *testing.T) {
	for source, want := range map[string]bool{
		"":                                        false,
		`fmt.Println("x"); fmt.Print(1)`:          false,
		`display.Println(1)`:                      false,
		`fmt.Fprintln(os.Stdout, "x")`:            false,
		`w := bufio.NewWriter(os.Stdout)`:         false,
		`log.New(os.Stderr, "", 0)`:               false,
		`json.NewEncoder( os.Stdout).Encode`:      false,
		`os.Stdout.WriteString("x")`:              true,
		`fmt.Fprint(os.Stdout, 1); w = os.Stdout`: true,
		`cmd.Stderr = os.Stderr`:                  true,
		`println("x")`:                            true,
		"x := 1\nprint(x)":                        true,
		`import "syscall"`:                        true,
		`debug.PrintStack()`:                      true,
		`os.OpenFile("/dev/stdout", 1, 0)`:        true,
		`var StdoutSize = 3`:                      false,
	} {
		if got := writesRaw(source); got != want {
			t.Errorf("%q: %v", source, got)
		}
	}
}
