package runtime

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Compile compiles a small part of Python to bytecode: assignments (plain and
// augmented) to names, attributes and items, expressions with arithmetic,
// comparisons, and/or/not, calls, lists; if/elif/else, while, for, break,
// continue, pass, def, return, global. Anything else is a SyntaxError that
// names it. The bytecode is that of CPython 3.13 before specialisation.
func Compile(source string) (*Code, error) {
	lines, err := scanLines(source)
	if err != nil {
		return nil, err
	}
	c := &compiler{lines: lines, code: &Code{Name: "<module>"}, module: true}
	c.code.emit(RESUME, 0, 1)
	if err := c.block(0); err != nil {
		return nil, err
	}
	if c.at < len(c.lines) {
		return nil, Raise("SyntaxError", "line %d: unexpected indent", c.lines[c.at].number)
	}
	c.finish()
	return c.code, nil
}

// Source compiles a module and runs it, so that its functions can be called by
// name. It must not be called while threads run.
func (in *Interpreter) Source(t *Thread, source string) error {
	c, err := Compile(source)
	if err != nil {
		return err
	}
	_, err = in.Exec(t, c)
	return err
}

type sourceLine struct {
	number int
	indent int
	tokens []token
}

type token struct {
	kind byte // 'n' name, 'i' int, 'f' float, 's' string, 'o' operator
	text string
}

var operators = []string{
	"**=", "//=", "<<=", ">>=", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"+", "-", "*", "/", "%", "<", ">", "=", "(", ")", "[", "]", ",", ":", ".", "&", "|", "^",
}

func scanLines(source string) ([]sourceLine, error) {
	var lines []sourceLine
	for n, text := range strings.Split(source, "\n") {
		body := strings.TrimLeft(text, " \t")
		tokens, err := scan(body, n+1)
		if err != nil {
			return nil, err
		}
		if len(tokens) == 0 {
			continue
		}
		indent := len(strings.ReplaceAll(text[:len(text)-len(body)], "\t", "        "))
		lines = append(lines, sourceLine{number: n + 1, indent: indent, tokens: tokens})
	}
	return lines, nil
}

func scan(s string, line int) ([]token, error) {
	var out []token
	for len(s) > 0 {
		r := rune(s[0])
		n := 1
		switch {
		case r == '#':
			return out, nil
		case r == ' ' || r == '\t' || r == '\r':
		case r == '_' || unicode.IsLetter(r):
			n = span(s, func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
			out = append(out, token{'n', s[:n]})
		case unicode.IsDigit(r):
			n = span(s, func(r rune) bool { return unicode.IsDigit(r) || r == '.' || r == '_' || r == 'e' })
			kind := byte('i')
			if strings.ContainsAny(s[:n], ".e") {
				kind = 'f'
			}
			out = append(out, token{kind, strings.ReplaceAll(s[:n], "_", "")})
		case r == '"' || r == '\'':
			text, length := stringLiteral(s)
			if length == 0 {
				return nil, Raise("SyntaxError", "line %d: unterminated string literal", line)
			}
			n = length
			out = append(out, token{'s', text})
		default:
			i := slices.IndexFunc(operators, func(op string) bool { return strings.HasPrefix(s, op) })
			if i < 0 {
				return nil, Raise("SyntaxError", "line %d: invalid character %q", line, r)
			}
			n = len(operators[i])
			out = append(out, token{'o', operators[i]})
		}
		s = s[n:]
	}
	return out, nil
}

// stringLiteral reads a literal at the begin of s: its text and its length, 0
// if it does not end.
func stringLiteral(s string) (text string, length int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), i + 1
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteString(map[byte]string{'n': "\n", 't': "\t", '\\': "\\", '\'': "'", '"': "\""}[s[i]])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0
}

func span(s string, in func(rune) bool) int {
	for i, r := range s {
		if !in(r) {
			return i
		}
	}
	return len(s)
}

type compiler struct {
	lines  []sourceLine
	at     int // next line
	code   *Code
	module bool
	global []string
	loops  []*loop

	tokens []token // of the line at hand
	pos    int
	line   int
}

// loop collects the jumps of break; top is where continue goes.
type loop struct {
	top    int
	breaks []int
	isFor  bool
}

func (c *compiler) finish() {
	c.emit(LOAD_CONST, c.code.constant(nil))
	c.emit(RETURN_VALUE, 0)
}

func (c *compiler) emit(op Opcode, arg int) int { return c.code.emit(op, arg, c.line) }

func (c *compiler) patch(at int) { c.code.Instrs[at].Arg = len(c.code.Instrs) }

func (c *compiler) fail(format string, args ...any) error {
	e := Raise("SyntaxError", format, args...)
	e.Msg = "line " + strconv.Itoa(c.line) + ": " + e.Msg
	return e
}

// block compiles the lines of one indentation.
func (c *compiler) block(indent int) error {
	for c.at < len(c.lines) && c.lines[c.at].indent == indent {
		l := c.lines[c.at]
		c.at++
		c.tokens, c.pos, c.line = l.tokens, 0, l.number
		if err := c.statement(indent); err != nil {
			return err
		}
		if c.pos < len(c.tokens) {
			return c.fail("invalid syntax at %q", c.tokens[c.pos].text)
		}
	}
	return nil
}

// suite compiles what follows a colon: the indented block.
func (c *compiler) suite(indent int) error {
	if !c.take(":") {
		return c.fail("expected ':'")
	}
	if c.pos < len(c.tokens) { // on the same line
		return c.statement(indent)
	}
	if c.at == len(c.lines) || c.lines[c.at].indent <= indent {
		return c.fail("expected an indented block")
	}
	inner := c.lines[c.at].indent
	if err := c.block(inner); err != nil {
		return err
	}
	if c.at < len(c.lines) && c.lines[c.at].indent > indent {
		c.line = c.lines[c.at].number
		return c.fail("unindent does not match any outer indentation level")
	}
	c.tokens, c.pos = nil, 0
	return nil
}

func (c *compiler) peek() string {
	if c.pos < len(c.tokens) && c.tokens[c.pos].kind != 's' {
		return c.tokens[c.pos].text
	}
	return ""
}

func (c *compiler) take(text string) bool {
	if c.peek() == text {
		c.pos++
		return true
	}
	return false
}

func (c *compiler) name() (string, error) {
	if c.pos < len(c.tokens) && c.tokens[c.pos].kind == 'n' && !keywords[c.tokens[c.pos].text] {
		c.pos++
		return c.tokens[c.pos-1].text, nil
	}
	return "", c.fail("expected a name")
}

var keywords = map[string]bool{
	"and": true, "or": true, "not": true, "if": true, "elif": true, "else": true, "while": true, "for": true, "in": true,
	"break": true, "continue": true, "pass": true, "def": true, "return": true, "global": true,
	"True": true, "False": true, "None": true,
	"class": true, "import": true, "from": true, "try": true, "except": true, "finally": true, "raise": true, "with": true,
	"async": true, "await": true, "yield": true, "lambda": true, "del": true, "assert": true, "nonlocal": true, "is": true, "as": true,
}

func (c *compiler) statement(indent int) error {
	switch word := c.peek(); word {
	case "pass":
		c.pos++
		c.emit(NOP, 0)
		return nil
	case "global":
		return c.globals()
	case "if":
		c.pos++
		return c.ifStatement(indent)
	case "while":
		c.pos++
		return c.while(indent)
	case "for":
		c.pos++
		return c.forLoop(indent)
	case "break", "continue":
		return c.leaveLoop(word)
	case "def":
		c.pos++
		return c.def(indent)
	case "return":
		c.pos++
		return c.returnStatement()
	case "not", "True", "False", "None":
	default:
		if keywords[word] {
			return c.fail("the small compiler does not know %q", word)
		}
	}
	return c.assignment()
}

func (c *compiler) globals() error {
	c.pos++
	for {
		n, err := c.name()
		if err != nil {
			return err
		}
		c.global = append(c.global, n)
		if !c.take(",") {
			return nil
		}
	}
}

func (c *compiler) ifStatement(indent int) error {
	if err := c.expression(); err != nil {
		return err
	}
	skip := c.emit(POP_JUMP_IF_FALSE, 0)
	if err := c.suite(indent); err != nil {
		return err
	}
	word := ""
	if c.at < len(c.lines) && c.lines[c.at].indent == indent {
		word = c.lines[c.at].tokens[0].text
	}
	if word != "elif" && word != "else" {
		c.patch(skip)
		return nil
	}
	end := c.emit(JUMP_FORWARD, 0)
	c.patch(skip)
	l := c.lines[c.at]
	c.at++
	c.tokens, c.pos, c.line = l.tokens, 1, l.number
	var err error
	if word == "elif" {
		err = c.ifStatement(indent)
	} else {
		err = c.suite(indent)
	}
	c.patch(end)
	return err
}

func (c *compiler) while(indent int) error {
	top := len(c.code.Instrs)
	if err := c.expression(); err != nil {
		return err
	}
	end := c.emit(POP_JUMP_IF_FALSE, 0)
	return c.loop(&loop{top: top}, end, indent)
}

func (c *compiler) forLoop(indent int) error {
	n, err := c.name()
	if err != nil {
		return err
	}
	if !c.take("in") {
		return c.fail("expected 'in'")
	}
	if err := c.expression(); err != nil {
		return err
	}
	c.emit(GET_ITER, 0)
	top := c.emit(FOR_ITER, 0)
	c.store(n)
	return c.loop(&loop{top: top, isFor: true}, top, indent)
}

// loop compiles a body, the jump back, and the ends: of the condition at
// instruction end, and of every break.
func (c *compiler) loop(l *loop, end, indent int) error {
	c.loops = append(c.loops, l)
	if err := c.suite(indent); err != nil {
		return err
	}
	c.loops = c.loops[:len(c.loops)-1]
	c.emit(JUMP_BACKWARD, l.top)
	c.patch(end)
	for _, b := range l.breaks {
		c.patch(b)
	}
	return nil
}

func (c *compiler) leaveLoop(word string) error {
	c.pos++
	if len(c.loops) == 0 {
		return c.fail("'%s' outside loop", word)
	}
	l := c.loops[len(c.loops)-1]
	if word == "continue" {
		c.emit(JUMP_BACKWARD, l.top)
		return nil
	}
	if l.isFor {
		c.emit(POP_TOP, 0) // the iterator
	}
	l.breaks = append(l.breaks, c.emit(JUMP_FORWARD, 0))
	return nil
}

func (c *compiler) def(indent int) error {
	n, err := c.name()
	if err != nil {
		return err
	}
	params, err := c.params()
	if err != nil {
		return err
	}
	f := &compiler{lines: c.lines, at: c.at, tokens: c.tokens, pos: c.pos, line: c.line,
		code: &Code{Name: n, Params: len(params), Locals: params}}
	f.code.emit(RESUME, 0, c.line)
	f.code.Locals = append(f.code.Locals, assigned(c.lines[c.at:], indent, params)...)
	if err := f.suite(indent); err != nil {
		return err
	}
	f.finish()
	c.at, c.tokens, c.pos = f.at, f.tokens, f.pos
	c.code.Consts = append(c.code.Consts, f.code)
	c.emit(LOAD_CONST, len(c.code.Consts)-1)
	c.emit(MAKE_FUNCTION, 0)
	c.store(n)
	return nil
}

func (c *compiler) params() ([]string, error) {
	if !c.take("(") {
		return nil, c.fail("expected '('")
	}
	var params []string
	for !c.take(")") {
		p, err := c.name()
		if err != nil {
			return nil, err
		}
		params = append(params, p)
		if !c.take(",") && c.peek() != ")" {
			return nil, c.fail("expected ',' or ')'")
		}
	}
	return params, nil
}

// assigned finds the locals of a function: the names that its lines assign and
// do not declare global.
func assigned(body []sourceLine, indent int, params []string) []string {
	var locals, globals []string
	for _, l := range body {
		if l.indent <= indent {
			break
		}
		t := l.tokens
		switch {
		case t[0].text == "global":
			for _, n := range t[1:] {
				globals = append(globals, n.text)
			}
		case t[0].text == "for" && len(t) > 1, t[0].text == "def" && len(t) > 1:
			locals = append(locals, t[1].text)
		case t[0].kind == 'n' && len(t) > 1 && t[1].kind == 'o' && strings.HasSuffix(t[1].text, "=") && !slices.Contains(compareOperators, t[1].text):
			locals = append(locals, t[0].text)
		}
	}
	var fresh []string
	for _, n := range locals {
		if !slices.Contains(globals, n) && !slices.Contains(params, n) && !slices.Contains(fresh, n) {
			fresh = append(fresh, n)
		}
	}
	return fresh
}

func (c *compiler) returnStatement() error {
	if c.module {
		return c.fail("'return' outside function")
	}
	if c.pos == len(c.tokens) {
		c.emit(LOAD_CONST, c.code.constant(nil))
	} else if err := c.expression(); err != nil {
		return err
	}
	c.emit(RETURN_VALUE, 0)
	return nil
}

// assignment compiles "target = value", "target += value" or an expression.
func (c *compiler) assignment() error {
	start := len(c.code.Instrs)
	if err := c.expression(); err != nil {
		return err
	}
	op := c.peek()
	if op == "=" {
		target := slices.Clone(c.code.Instrs[start:])
		c.code.Instrs = c.code.Instrs[:start]
		return c.assign(target)
	}
	if strings.HasSuffix(op, "=") && slices.Contains(binaryOperators, strings.TrimSuffix(op, "=")) {
		return c.augment(start, strings.TrimSuffix(op, "="))
	}
	c.emit(POP_TOP, 0)
	return nil
}

// assign compiles the value, then the target's code with its last load turned
// into a store.
func (c *compiler) assign(target []Instr) error {
	c.pos++
	if err := c.expression(); err != nil {
		return err
	}
	last := target[len(target)-1]
	c.code.Instrs = append(c.code.Instrs, target[:len(target)-1]...)
	return c.storeLike(last, len(target) == 1)
}

func (c *compiler) storeLike(load Instr, alone bool) error {
	switch load.Op {
	case LOAD_FAST, LOAD_GLOBAL, LOAD_NAME:
		if alone {
			c.emit(map[Opcode]Opcode{LOAD_FAST: STORE_FAST, LOAD_GLOBAL: STORE_GLOBAL, LOAD_NAME: STORE_NAME}[load.Op], load.Arg)
			return nil
		}
	case LOAD_ATTR:
		c.emit(STORE_ATTR, load.Arg)
		return nil
	case BINARY_SUBSCR:
		c.emit(STORE_SUBSCR, 0)
		return nil
	}
	return c.fail("cannot assign to expression")
}

// augment compiles target op= value: the target's operands are evaluated once.
func (c *compiler) augment(start int, op string) error {
	c.pos++
	load := c.code.Instrs[len(c.code.Instrs)-1]
	alone := len(c.code.Instrs)-start == 1
	operands := 0
	switch load.Op {
	case LOAD_ATTR:
		operands = 1
	case BINARY_SUBSCR:
		operands = 2
	case LOAD_FAST, LOAD_GLOBAL, LOAD_NAME:
		if !alone {
			return c.fail("'expression' is an illegal expression for augmented assignment")
		}
	default:
		return c.fail("'expression' is an illegal expression for augmented assignment")
	}
	c.code.Instrs = c.code.Instrs[:len(c.code.Instrs)-1]
	for range operands {
		c.emit(COPY, operands)
	}
	c.emit(load.Op, load.Arg)
	if err := c.expression(); err != nil {
		return err
	}
	i := c.emit(BINARY_OP, slices.Index(binaryOperators, op))
	c.code.Instrs[i].InPlace = true
	for n := operands + 1; n > 1; n-- { // the value goes under the operands
		c.emit(SWAP, n)
	}
	return c.storeLike(load, alone)
}

func (c *compiler) isLocal(n string) bool {
	return !c.module && slices.Contains(c.code.Locals, n) && !slices.Contains(c.global, n)
}

func (c *compiler) load(n string) {
	switch {
	case c.isLocal(n):
		c.emit(LOAD_FAST, slices.Index(c.code.Locals, n))
	case c.module:
		c.emit(LOAD_NAME, intern(&c.code.Names, n))
	default:
		c.emit(LOAD_GLOBAL, intern(&c.code.Names, n))
	}
}

func (c *compiler) store(n string) {
	switch {
	case c.isLocal(n):
		c.emit(STORE_FAST, slices.Index(c.code.Locals, n))
	case c.module:
		c.emit(STORE_NAME, intern(&c.code.Names, n))
	default:
		c.emit(STORE_GLOBAL, intern(&c.code.Names, n))
	}
}

// expression is "or_test": the lowest precedence there is here.
func (c *compiler) expression() error { return c.boolean("or", POP_JUMP_IF_TRUE, c.and) }

func (c *compiler) and() error { return c.boolean("and", POP_JUMP_IF_FALSE, c.not) }

// boolean compiles short-circuit operators: the value stays if it decides.
func (c *compiler) boolean(word string, jump Opcode, operand func() error) error {
	if err := operand(); err != nil {
		return err
	}
	var ends []int
	for c.take(word) {
		c.emit(COPY, 1)
		ends = append(ends, c.emit(jump, 0))
		c.emit(POP_TOP, 0)
		if err := operand(); err != nil {
			return err
		}
	}
	for _, e := range ends {
		c.patch(e)
	}
	return nil
}

func (c *compiler) not() error {
	if c.take("not") {
		if err := c.not(); err != nil {
			return err
		}
		c.emit(UNARY_NOT, 0)
		return nil
	}
	if err := c.arithmetic(0); err != nil {
		return err
	}
	op := slices.Index(compareOperators, c.peek())
	if op < 0 {
		return nil
	}
	c.pos++
	if err := c.arithmetic(0); err != nil {
		return err
	}
	c.emit(COMPARE_OP, op)
	if slices.Contains(compareOperators, c.peek()) {
		return c.fail("the small compiler does not know chained comparisons: write a < b and b < c")
	}
	return nil
}

// levels of left-associative operators, loosest first.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "//", "%", "/"}}

func (c *compiler) arithmetic(level int) error {
	if level == len(levels) {
		return c.unary()
	}
	if err := c.arithmetic(level + 1); err != nil {
		return err
	}
	for slices.Contains(levels[level], c.peek()) {
		op := c.peek()
		c.pos++
		if err := c.arithmetic(level + 1); err != nil {
			return err
		}
		c.emit(BINARY_OP, slices.Index(binaryOperators, op))
	}
	return nil
}

func (c *compiler) unary() error {
	if c.take("-") {
		if err := c.unary(); err != nil {
			return err
		}
		c.emit(UNARY_NEGATIVE, 0)
		return nil
	}
	if err := c.primary(); err != nil {
		return err
	}
	if c.take("**") {
		if err := c.unary(); err != nil {
			return err
		}
		c.emit(BINARY_OP, slices.Index(binaryOperators, "**"))
	}
	return nil
}

func (c *compiler) primary() error {
	if err := c.atom(); err != nil {
		return err
	}
	for {
		switch {
		case c.take("("):
			n, err := c.list(")")
			if err != nil {
				return err
			}
			c.emit(CALL, n)
		case c.take("["):
			if err := c.expression(); err != nil {
				return err
			}
			if !c.take("]") {
				return c.fail("expected ']'")
			}
			c.emit(BINARY_SUBSCR, 0)
		case c.take("."):
			n, err := c.name()
			if err != nil {
				return err
			}
			c.emit(LOAD_ATTR, intern(&c.code.Names, n))
		default:
			return nil
		}
	}
}

func (c *compiler) list(end string) (n int, err error) {
	for !c.take(end) {
		if err := c.expression(); err != nil {
			return n, err
		}
		n++
		if !c.take(",") && c.peek() != end {
			return n, c.fail("expected ',' or '%s'", end)
		}
	}
	return n, nil
}

func (c *compiler) atom() error {
	if c.pos == len(c.tokens) {
		return c.fail("invalid syntax: the line ends too early")
	}
	t := c.tokens[c.pos]
	c.pos++
	switch {
	case t.kind == 's':
		c.emit(LOAD_CONST, c.code.constant(t.text))
	case t.kind == 'i' || t.kind == 'f' || t.text == "True" || t.text == "False" || t.text == "None":
		c.emit(LOAD_CONST, c.code.constant(parseConstant(t.text)))
	case t.kind == 'n' && !keywords[t.text]:
		c.load(t.text)
	case t.text == "(":
		if err := c.expression(); err != nil {
			return err
		}
		if !c.take(")") {
			return c.fail("expected ')'")
		}
	case t.text == "[":
		n, err := c.list("]")
		if err != nil {
			return err
		}
		c.emit(BUILD_LIST, n)
	default:
		return c.fail("invalid syntax at %q", t.text)
	}
	return nil
}
