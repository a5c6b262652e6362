package runtime

import "fmt"

// Opcode is an instruction of the modelled bytecode: those of CPython 3.13
// (Python/bytecodes.c) that the document's examples compile to, without
// specialised forms.
type Opcode uint8

// The instructions. Arg is an index into names, constants, locals or
// instructions, an operator, or a count.
const (
	NOP Opcode = iota
	RESUME
	LOAD_CONST
	LOAD_FAST
	STORE_FAST
	LOAD_GLOBAL
	STORE_GLOBAL
	LOAD_NAME  // a name at module level
	STORE_NAME // the same
	LOAD_ATTR
	STORE_ATTR
	BINARY_OP
	COMPARE_OP
	UNARY_NEGATIVE
	UNARY_NOT
	BUILD_LIST
	BINARY_SUBSCR
	STORE_SUBSCR
	GET_ITER
	FOR_ITER // Arg: where to go when the iterator is exhausted
	JUMP_FORWARD
	JUMP_BACKWARD
	POP_JUMP_IF_FALSE
	POP_JUMP_IF_TRUE
	MAKE_FUNCTION
	CALL
	POP_TOP
	COPY
	SWAP
	RETURN_VALUE
	// REPEAT_BACKWARD is the assembler's own: jump back until the body has run
	// the number of times that follows in the instruction's Count. It stands
	// for the FOR_ITER loop around a listing, and checks as JUMP_BACKWARD does.
	REPEAT_BACKWARD
	opcodes
)

var opcodeNames = [opcodes]string{
	"NOP", "RESUME", "LOAD_CONST", "LOAD_FAST", "STORE_FAST", "LOAD_GLOBAL", "STORE_GLOBAL", "LOAD_NAME", "STORE_NAME",
	"LOAD_ATTR", "STORE_ATTR", "BINARY_OP", "COMPARE_OP", "UNARY_NEGATIVE", "UNARY_NOT", "BUILD_LIST", "BINARY_SUBSCR",
	"STORE_SUBSCR", "GET_ITER", "FOR_ITER", "JUMP_FORWARD", "JUMP_BACKWARD", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE",
	"MAKE_FUNCTION", "CALL", "POP_TOP", "COPY", "SWAP", "RETURN_VALUE", "REPEAT_BACKWARD",
}

func (op Opcode) String() string {
	if op < opcodes {
		return opcodeNames[op]
	}
	return fmt.Sprintf("Opcode(%d)", uint8(op))
}

// fast39 marks the instructions after which CPython 3.9 goes on without a look
// at the eval breaker (FAST_DISPATCH in Python/ceval.c of that version).
var fast39 = [opcodes]bool{
	NOP: true, LOAD_CONST: true, LOAD_FAST: true, STORE_FAST: true, POP_TOP: true, COPY: true, SWAP: true,
	UNARY_NOT: true, POP_JUMP_IF_FALSE: true, POP_JUMP_IF_TRUE: true, JUMP_FORWARD: true,
	RESUME: true, RETURN_VALUE: true,
}

// ChecksAfter tells whether the interpreter of a mode looks at the eval breaker
// when it has executed op: the places at which another thread may take over
// under a GIL.
//
// Up to 3.9 that is nearly everywhere; since 3.10 on backward jumps, at the
// start of a function and after calls of compiled functions (GH-18334; in 3.12
// and later _CHECK_PERIODIC in JUMP_BACKWARD, RESUME and CALL). Calls of Python
// functions check in the callee's RESUME.
func (m Mode) ChecksAfter(op Opcode) bool {
	if m == GIL39 {
		return !fast39[op]
	}
	switch op {
	case RESUME, JUMP_BACKWARD, REPEAT_BACKWARD, CALL:
		return true
	}
	return false
}

// Operators of BINARY_OP and COMPARE_OP, in CPython's spelling.
var binaryOperators = []string{"+", "-", "*", "//", "%", "/", "**", "&", "|", "^", "<<", ">>"}

var compareOperators = []string{"<", "<=", "==", "!=", ">", ">="}
