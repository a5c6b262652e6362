"""Ask jupyter_kernel_test's questions of a kernel: kerneltest.py KERNEL

Prints {name of the test: "ok", or what went wrong}. The samples are Go's. What
is changed of the package is only that it waits for messages instead of for
time: it takes 0.1 s of silence for the end of a channel's messages.
"""
import json
import sys
import unittest

import jupyter_kernel_test

LIMIT = 120  # seconds without a message: the kernel hangs


def patient(channel):
    """Make the channel wait LIMIT seconds for a message, whatever is asked."""
    get = channel.get_msg
    channel.get_msg = lambda *args, **kwargs: get(timeout=LIMIT)


class GoTests(jupyter_kernel_test.KernelTests):
    kernel_name = sys.argv[1]
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'import "fmt"\nfmt.Println("hello, world")'
    code_stderr = 'import (\n\t"fmt"\n\t"os"\n)\nfmt.Fprintln(os.Stderr, "oops")'
    completion_samples = [
        {"text": "strings.HasPre", "matches": {"HasPrefix"}},
        {"text": 'import "strings"\nstrings.Conta'},
    ]
    complete_code_samples = [
        "1 + 1",
        'import "fmt"\nfmt.Println("a")',
        "func f() {\n}",
        "x := []int{1, 2}; x",
        "// only a comment",
        "",
    ]
    incomplete_code_samples = ["func f() {", "for {", "x := []int{", "s := `raw", "1 +", "f(", "import ("]
    invalid_code_samples = ["x := )", "func )", "if }", 'a := "open']
    code_page_something = "strings.Repeat?"
    code_generate_error = 'panic("no")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a" + "b"', "result": '"ab"'},
        {"code": "len([]int{1, 2, 3})", "result": "3"},
    ]
    code_display_data = [
        {"code": 'import "braid/display"\ndisplay.HTML("<b>bold</b>")', "mime": "text/html"},
        {"code": 'display.Markdown("*it*")', "mime": "text/markdown"},
    ]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "strings.Repeat"
    code_clear_output = 'import "braid/display"\ndisplay.Clear(false)'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        patient(cls.kc.shell_channel)
        patient(cls.kc.iopub_channel)
        cls.kc.execute('import "strings"', reply=True, timeout=LIMIT)

    def flush_channels(self):
        asked = self.kc.kernel_info()
        while self.kc.shell_channel.get_msg()["parent_header"].get("msg_id") != asked:
            pass
        while True:
            msg = self.kc.iopub_channel.get_msg()
            jupyter_kernel_test.validate_message(msg)
            if msg["parent_header"].get("msg_id") == asked and msg["content"].get("execution_state") == "idle":
                return


class GoWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = sys.argv[1]
    support_iopub_welcome = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        patient(cls.kc.iopub_channel)

class Results(unittest.TestResult):
    """A test is "ok" if it and all of its subtests succeeded."""

    said = {}

    def startTest(self, test):
        super().startTest(test)
        self.said[test._testMethodName] = []

    def complain(self, test, text):
        self.said.setdefault(getattr(test, "_testMethodName", str(test)), []).append(text)

    def addFailure(self, test, err):
        self.complain(test, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.complain(getattr(test, "test_case", test), "skipped: " + reason)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.complain(test, self._exc_info_to_string(err, test))


results = Results()
load = unittest.defaultTestLoader.loadTestsFromTestCase
unittest.TestSuite([load(GoTests), load(GoWelcomeTests)]).run(results)
json.dump({name: "\n".join(said) or "ok" for name, said in results.said.items()}, sys.stdout)
