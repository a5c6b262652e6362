package vm

import (
	"go/token"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type float interface{ ~float32 | ~float64 }

type ordered interface{ integer | float | ~string }

// operand is the second operand of an instruction: a register, or a constant
// of 8 bytes or less.
type operand struct {
	reg   uintptr
	konst bool
	bits  uint64
}

func konstOf[T any](y operand) T { return *(*T)(unsafe.Pointer(&y.bits)) }

// binary compiles x op y for operands of kind k into d. It returns nil for
// combinations that are no single instruction.
func binary(k reflect.Kind, o token.Token, d, x uintptr, y operand, pos token.Pos) op {
	switch k {
	case reflect.Int:
		return intOp[int](o, d, x, y, pos)
	case reflect.Int8:
		return intOp[int8](o, d, x, y, pos)
	case reflect.Int16:
		return intOp[int16](o, d, x, y, pos)
	case reflect.Int32:
		return intOp[int32](o, d, x, y, pos)
	case reflect.Int64:
		return intOp[int64](o, d, x, y, pos)
	case reflect.Uint:
		return intOp[uint](o, d, x, y, pos)
	case reflect.Uint8:
		return intOp[uint8](o, d, x, y, pos)
	case reflect.Uint16:
		return intOp[uint16](o, d, x, y, pos)
	case reflect.Uint32:
		return intOp[uint32](o, d, x, y, pos)
	case reflect.Uint64:
		return intOp[uint64](o, d, x, y, pos)
	case reflect.Uintptr:
		return intOp[uintptr](o, d, x, y, pos)
	case reflect.Float32:
		return floatOp[float32](o, d, x, y.reg)
	case reflect.Float64:
		return floatOp[float64](o, d, x, y.reg)
	case reflect.Complex64:
		return complexOp[complex64](o, d, x, y.reg)
	case reflect.Complex128:
		return complexOp[complex128](o, d, x, y.reg)
	case reflect.String:
		if o == token.ADD {
			y := y.reg
			return func(f *frame) { st(f, d, ld[string](f, x)+ld[string](f, y)) }
		}
	case reflect.Bool:
		y := y.reg
		switch o {
		case token.AND, token.LAND:
			return func(f *frame) { st(f, d, ld[bool](f, x) && ld[bool](f, y)) }
		case token.OR, token.LOR:
			return func(f *frame) { st(f, d, ld[bool](f, x) || ld[bool](f, y)) }
		}
	}
	return nil
}

func intOp[T integer](o token.Token, d, x uintptr, y operand, pos token.Pos) op {
	if y.konst {
		if f := intOpK(o, d, x, konstOf[T](y)); f != nil {
			return f
		}
	}
	r := y.reg
	switch o {
	case token.ADD:
		return func(f *frame) { st(f, d, ld[T](f, x)+ld[T](f, r)) }
	case token.SUB:
		return func(f *frame) { st(f, d, ld[T](f, x)-ld[T](f, r)) }
	case token.MUL:
		return func(f *frame) { st(f, d, ld[T](f, x)*ld[T](f, r)) }
	case token.QUO:
		return func(f *frame) {
			v := ld[T](f, r)
			if v == 0 {
				f.dividePanic(pos)
			}
			st(f, d, ld[T](f, x)/v)
		}
	case token.REM:
		return func(f *frame) {
			v := ld[T](f, r)
			if v == 0 {
				f.dividePanic(pos)
			}
			st(f, d, ld[T](f, x)%v)
		}
	case token.AND:
		return func(f *frame) { st(f, d, ld[T](f, x)&ld[T](f, r)) }
	case token.OR:
		return func(f *frame) { st(f, d, ld[T](f, x)|ld[T](f, r)) }
	case token.XOR:
		return func(f *frame) { st(f, d, ld[T](f, x)^ld[T](f, r)) }
	case token.AND_NOT:
		return func(f *frame) { st(f, d, ld[T](f, x)&^ld[T](f, r)) }
	}
	return nil
}

func intOpK[T integer](o token.Token, d, x uintptr, k T) op {
	switch o {
	case token.ADD:
		if d == x {
			return func(f *frame) { *(*T)(f.at(d)) += k }
		}
		return func(f *frame) { st(f, d, ld[T](f, x)+k) }
	case token.SUB:
		return func(f *frame) { st(f, d, ld[T](f, x)-k) }
	case token.MUL:
		return func(f *frame) { st(f, d, ld[T](f, x)*k) }
	case token.QUO:
		if k != 0 {
			return func(f *frame) { st(f, d, ld[T](f, x)/k) }
		}
	case token.REM:
		if k != 0 {
			return func(f *frame) { st(f, d, ld[T](f, x)%k) }
		}
	case token.AND:
		return func(f *frame) { st(f, d, ld[T](f, x)&k) }
	case token.OR:
		return func(f *frame) { st(f, d, ld[T](f, x)|k) }
	case token.XOR:
		return func(f *frame) { st(f, d, ld[T](f, x)^k) }
	}
	return nil
}

func floatOp[T float](o token.Token, d, x, y uintptr) op {
	switch o {
	case token.ADD:
		return func(f *frame) { st(f, d, ld[T](f, x)+ld[T](f, y)) }
	case token.SUB:
		return func(f *frame) { st(f, d, ld[T](f, x)-ld[T](f, y)) }
	case token.MUL:
		return func(f *frame) { st(f, d, ld[T](f, x)*ld[T](f, y)) }
	case token.QUO:
		return func(f *frame) { st(f, d, ld[T](f, x)/ld[T](f, y)) }
	}
	return nil
}

func complexOp[T ~complex64 | ~complex128](o token.Token, d, x, y uintptr) op {
	switch o {
	case token.ADD:
		return func(f *frame) { st(f, d, ld[T](f, x)+ld[T](f, y)) }
	case token.SUB:
		return func(f *frame) { st(f, d, ld[T](f, x)-ld[T](f, y)) }
	case token.MUL:
		return func(f *frame) { st(f, d, ld[T](f, x)*ld[T](f, y)) }
	case token.QUO:
		return func(f *frame) { st(f, d, ld[T](f, x)/ld[T](f, y)) }
	}
	return nil
}

// shift compiles x << y and x >> y; yk is the kind of y.
func shift(k, yk reflect.Kind, left bool, d, x uintptr, y operand, pos token.Pos) op {
	if y.konst {
		if n := signExtend(yk, y.bits); n < 0 {
			return func(f *frame) { f.shiftPanic(pos) }
		}
		n := uint(y.bits)
		switch yk {
		case reflect.Uint8, reflect.Int8:
			n = uint(uint8(y.bits))
		case reflect.Uint16, reflect.Int16:
			n = uint(uint16(y.bits))
		case reflect.Uint32, reflect.Int32:
			n = uint(uint32(y.bits))
		}
		return shiftK(k, left, d, x, n)
	}
	count := toUint(yk, y.reg, pos)
	switch k {
	case reflect.Int:
		return shiftOp[int](left, d, x, count)
	case reflect.Int8:
		return shiftOp[int8](left, d, x, count)
	case reflect.Int16:
		return shiftOp[int16](left, d, x, count)
	case reflect.Int32:
		return shiftOp[int32](left, d, x, count)
	case reflect.Int64:
		return shiftOp[int64](left, d, x, count)
	case reflect.Uint:
		return shiftOp[uint](left, d, x, count)
	case reflect.Uint8:
		return shiftOp[uint8](left, d, x, count)
	case reflect.Uint16:
		return shiftOp[uint16](left, d, x, count)
	case reflect.Uint32:
		return shiftOp[uint32](left, d, x, count)
	case reflect.Uint64:
		return shiftOp[uint64](left, d, x, count)
	case reflect.Uintptr:
		return shiftOp[uintptr](left, d, x, count)
	}
	return nil
}

// signExtend reads the low bits of a constant as its signed kind; unsigned
// kinds give 0.
func signExtend(k reflect.Kind, bits uint64) int64 {
	switch k {
	case reflect.Int, reflect.Int64:
		return int64(bits)
	case reflect.Int8:
		return int64(int8(bits))
	case reflect.Int16:
		return int64(int16(bits))
	case reflect.Int32:
		return int64(int32(bits))
	}
	return 0
}

func shiftK(k reflect.Kind, left bool, d, x uintptr, n uint) op {
	switch k {
	case reflect.Int, reflect.Int64:
		return shiftOpK[int64](left, d, x, n)
	case reflect.Int8:
		return shiftOpK[int8](left, d, x, n)
	case reflect.Int16:
		return shiftOpK[int16](left, d, x, n)
	case reflect.Int32:
		return shiftOpK[int32](left, d, x, n)
	case reflect.Uint8:
		return shiftOpK[uint8](left, d, x, n)
	case reflect.Uint16:
		return shiftOpK[uint16](left, d, x, n)
	case reflect.Uint32:
		return shiftOpK[uint32](left, d, x, n)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return shiftOpK[uint64](left, d, x, n)
	}
	return nil
}

func shiftOpK[T integer](left bool, d, x uintptr, n uint) op {
	if left {
		return func(f *frame) { st(f, d, ld[T](f, x)<<n) }
	}
	return func(f *frame) { st(f, d, ld[T](f, x)>>n) }
}

func shiftOp[T integer](left bool, d, x uintptr, count func(*frame) uint64) op {
	if left {
		return func(f *frame) { st(f, d, ld[T](f, x)<<count(f)) }
	}
	return func(f *frame) { st(f, d, ld[T](f, x)>>count(f)) }
}

// toUint reads a shift count, refusing negative ones.
func toUint(k reflect.Kind, r uintptr, pos token.Pos) func(*frame) uint64 {
	switch k {
	case reflect.Int, reflect.Int64:
		return countOf[int64](r, pos)
	case reflect.Int8:
		return countOf[int8](r, pos)
	case reflect.Int16:
		return countOf[int16](r, pos)
	case reflect.Int32:
		return countOf[int32](r, pos)
	case reflect.Uint8:
		return func(f *frame) uint64 { return uint64(ld[uint8](f, r)) }
	case reflect.Uint16:
		return func(f *frame) uint64 { return uint64(ld[uint16](f, r)) }
	case reflect.Uint32:
		return func(f *frame) uint64 { return uint64(ld[uint32](f, r)) }
	}
	return func(f *frame) uint64 { return ld[uint64](f, r) }
}

func countOf[T int8 | int16 | int32 | int64](r uintptr, pos token.Pos) func(*frame) uint64 {
	return func(f *frame) uint64 {
		n := ld[T](f, r)
		if n < 0 {
			f.shiftPanic(pos)
		}
		return uint64(n)
	}
}

// compare compiles an ordering or equality of basic operands to a condition;
// nil if k is not basic.
func compare(k reflect.Kind, o token.Token, x uintptr, y operand) func(*frame) bool {
	switch k {
	case reflect.Int:
		return compareOp[int](o, x, y, true)
	case reflect.Int8:
		return compareOp[int8](o, x, y, true)
	case reflect.Int16:
		return compareOp[int16](o, x, y, true)
	case reflect.Int32:
		return compareOp[int32](o, x, y, true)
	case reflect.Int64:
		return compareOp[int64](o, x, y, true)
	case reflect.Uint:
		return compareOp[uint](o, x, y, true)
	case reflect.Uint8:
		return compareOp[uint8](o, x, y, true)
	case reflect.Uint16:
		return compareOp[uint16](o, x, y, true)
	case reflect.Uint32:
		return compareOp[uint32](o, x, y, true)
	case reflect.Uint64:
		return compareOp[uint64](o, x, y, true)
	case reflect.Uintptr:
		return compareOp[uintptr](o, x, y, true)
	case reflect.Float32:
		return compareOp[float32](o, x, y, true)
	case reflect.Float64:
		return compareOp[float64](o, x, y, true)
	case reflect.String:
		return compareOp[string](o, x, y, false)
	case reflect.Bool:
		return equalOp[bool](o, x, y.reg)
	case reflect.Complex64:
		return equalOp[complex64](o, x, y.reg)
	case reflect.Complex128:
		return equalOp[complex128](o, x, y.reg)
	case reflect.Pointer, reflect.UnsafePointer, reflect.Chan, reflect.Map, reflect.Func:
		return equalOp[unsafe.Pointer](o, x, y.reg)
	}
	return nil
}

func compareOp[T ordered](o token.Token, x uintptr, y operand, small bool) func(*frame) bool {
	if y.konst && small {
		k := konstOf[T](y)
		switch o {
		case token.LSS:
			return func(f *frame) bool { return ld[T](f, x) < k }
		case token.LEQ:
			return func(f *frame) bool { return ld[T](f, x) <= k }
		case token.GTR:
			return func(f *frame) bool { return ld[T](f, x) > k }
		case token.GEQ:
			return func(f *frame) bool { return ld[T](f, x) >= k }
		case token.EQL:
			return func(f *frame) bool { return ld[T](f, x) == k }
		default:
			return func(f *frame) bool { return ld[T](f, x) != k }
		}
	}
	r := y.reg
	switch o {
	case token.LSS:
		return func(f *frame) bool { return ld[T](f, x) < ld[T](f, r) }
	case token.LEQ:
		return func(f *frame) bool { return ld[T](f, x) <= ld[T](f, r) }
	case token.GTR:
		return func(f *frame) bool { return ld[T](f, x) > ld[T](f, r) }
	case token.GEQ:
		return func(f *frame) bool { return ld[T](f, x) >= ld[T](f, r) }
	case token.EQL:
		return func(f *frame) bool { return ld[T](f, x) == ld[T](f, r) }
	default:
		return func(f *frame) bool { return ld[T](f, x) != ld[T](f, r) }
	}
}

func equalOp[T comparable](o token.Token, x, y uintptr) func(*frame) bool {
	if o == token.EQL {
		return func(f *frame) bool { return ld[T](f, x) == ld[T](f, y) }
	}
	return func(f *frame) bool { return ld[T](f, x) != ld[T](f, y) }
}

// branch compiles a comparison of ints and the choice it decides in one; nil
// for other kinds.
func branch(k reflect.Kind, o token.Token, x uintptr, y operand, yes, no *block, pos token.Pos) func(*frame) *block {
	switch k {
	case reflect.Int, reflect.Int64:
		return branchOp[int](o, x, y, yes, no, pos)
	case reflect.Uint8:
		return branchOp[uint8](o, x, y, yes, no, pos)
	case reflect.Int32:
		return branchOp[int32](o, x, y, yes, no, pos)
	case reflect.Float64:
		return branchOp[float64](o, x, y, yes, no, pos)
	}
	return nil
}

func branchOp[T integer | float](o token.Token, x uintptr, y operand, yes, no *block, pos token.Pos) func(*frame) *block {
	k := konstOf[T](y)
	r := y.reg
	if y.konst {
		switch o {
		case token.LSS:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) < k {
					return yes
				}
				return no
			}
		case token.LEQ:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) <= k {
					return yes
				}
				return no
			}
		case token.GTR:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) > k {
					return yes
				}
				return no
			}
		case token.GEQ:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) >= k {
					return yes
				}
				return no
			}
		case token.EQL:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) == k {
					return yes
				}
				return no
			}
		default:
			return func(f *frame) *block {
				if stop.Load() != 0 {
					f.checkStop(pos)
				}
				if ld[T](f, x) != k {
					return yes
				}
				return no
			}
		}
	}
	switch o {
	case token.LSS:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) < ld[T](f, r) {
				return yes
			}
			return no
		}
	case token.LEQ:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) <= ld[T](f, r) {
				return yes
			}
			return no
		}
	case token.GTR:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) > ld[T](f, r) {
				return yes
			}
			return no
		}
	case token.GEQ:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) >= ld[T](f, r) {
				return yes
			}
			return no
		}
	case token.EQL:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) == ld[T](f, r) {
				return yes
			}
			return no
		}
	default:
		return func(f *frame) *block {
			if stop.Load() != 0 {
				f.checkStop(pos)
			}
			if ld[T](f, x) != ld[T](f, r) {
				return yes
			}
			return no
		}
	}
}

// numeric conversion: from kind s in register x to kind k in register d.
func convert(k, s reflect.Kind, d, x uintptr) op {
	switch s {
	case reflect.Int, reflect.Int64:
		return convertFrom[int64](k, d, x)
	case reflect.Int8:
		return convertFrom[int8](k, d, x)
	case reflect.Int16:
		return convertFrom[int16](k, d, x)
	case reflect.Int32:
		return convertFrom[int32](k, d, x)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return convertFrom[uint64](k, d, x)
	case reflect.Uint8:
		return convertFrom[uint8](k, d, x)
	case reflect.Uint16:
		return convertFrom[uint16](k, d, x)
	case reflect.Uint32:
		return convertFrom[uint32](k, d, x)
	case reflect.Float32:
		return convertFrom[float32](k, d, x)
	case reflect.Float64:
		return convertFrom[float64](k, d, x)
	case reflect.Complex64, reflect.Complex128:
		return convertComplex(k, s, d, x)
	}
	return nil
}

func convertFrom[S integer | float](k reflect.Kind, d, x uintptr) op {
	switch k {
	case reflect.Int, reflect.Int64:
		return func(f *frame) { st(f, d, int64(ld[S](f, x))) }
	case reflect.Int8:
		return func(f *frame) { st(f, d, int8(ld[S](f, x))) }
	case reflect.Int16:
		return func(f *frame) { st(f, d, int16(ld[S](f, x))) }
	case reflect.Int32:
		return func(f *frame) { st(f, d, int32(ld[S](f, x))) }
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return func(f *frame) { st(f, d, uint64(ld[S](f, x))) }
	case reflect.Uint8:
		return func(f *frame) { st(f, d, uint8(ld[S](f, x))) }
	case reflect.Uint16:
		return func(f *frame) { st(f, d, uint16(ld[S](f, x))) }
	case reflect.Uint32:
		return func(f *frame) { st(f, d, uint32(ld[S](f, x))) }
	case reflect.Float32:
		return func(f *frame) { st(f, d, float32(ld[S](f, x))) }
	case reflect.Float64:
		return func(f *frame) { st(f, d, float64(ld[S](f, x))) }
	}
	return nil
}

func convertComplex(k, s reflect.Kind, d, x uintptr) op {
	switch {
	case k == s && k == reflect.Complex64:
		return func(f *frame) { st(f, d, ld[complex64](f, x)) }
	case k == s:
		return func(f *frame) { st(f, d, ld[complex128](f, x)) }
	case k == reflect.Complex64:
		return func(f *frame) { st(f, d, complex64(ld[complex128](f, x))) }
	case k == reflect.Complex128:
		return func(f *frame) { st(f, d, complex128(ld[complex64](f, x))) }
	}
	return nil
}

// negate, invert: the unary operators.
func unary(k reflect.Kind, o token.Token, d, x uintptr) op {
	switch k {
	case reflect.Bool:
		return func(f *frame) { st(f, d, !ld[bool](f, x)) }
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return unaryInt[int64](o, d, x)
	case reflect.Int8, reflect.Uint8:
		return unaryInt[int8](o, d, x)
	case reflect.Int16, reflect.Uint16:
		return unaryInt[int16](o, d, x)
	case reflect.Int32, reflect.Uint32:
		return unaryInt[int32](o, d, x)
	case reflect.Float32:
		return func(f *frame) { st(f, d, -ld[float32](f, x)) }
	case reflect.Float64:
		return func(f *frame) { st(f, d, -ld[float64](f, x)) }
	case reflect.Complex64:
		return func(f *frame) { st(f, d, -ld[complex64](f, x)) }
	case reflect.Complex128:
		return func(f *frame) { st(f, d, -ld[complex128](f, x)) }
	}
	return nil
}

func unaryInt[T integer](o token.Token, d, x uintptr) op {
	if o == token.SUB {
		return func(f *frame) { st(f, d, -ld[T](f, x)) }
	}
	return func(f *frame) { st(f, d, ^ld[T](f, x)) }
}

// printFloat writes v as the builtin println does: seven digits, a sign and an
// exponent of three digits.
func printFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	s := strconv.FormatFloat(v, 'e', 6, 64)
	if !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	mantissa, exp, _ := strings.Cut(s, "e")
	for len(exp) < 4 {
		exp = exp[:1] + "0" + exp[1:]
	}
	return mantissa + "e" + exp
}
