package native

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	rt "braid/runtime"
)

// Array is a vector or matrix of int64 or float64. Operations make new ones;
// nothing changes an Array but Set.
type Array struct {
	ints   []int64 // nil if it holds floats
	floats []float64
	rows   int // 0: a vector
}

// Arange is numpy.arange(n): the integers from 0 below n, as int64. A negative
// n is 0.
func Arange(n int) *Array {
	a := &Array{ints: make([]int64, max(n, 0))}
	for i := range a.ints {
		a.ints[i] = int64(i)
	}
	return a
}

// Zeros and Full are n float64 of one value.
func Zeros(n int) *Array { return Full(n, 0) }

// Full is numpy.full(n, value).
func Full(n int, value float64) *Array {
	a := &Array{floats: make([]float64, max(n, 0))}
	for i := range a.floats {
		a.floats[i] = value
	}
	return a
}

// Linspace is numpy.linspace(start, stop, n); a ValueError if n is negative.
func Linspace(start, stop float64, n int) (*Array, error) {
	if n < 0 {
		return nil, rt.Raise("ValueError", "Number of samples, %d, must be non-negative.", n)
	}
	a := Zeros(n)
	for i := range a.floats {
		a.floats[i] = start + (stop-start)*float64(i)/float64(max(n-1, 1))
	}
	if n > 1 {
		a.floats[n-1] = stop
	}
	return a, nil
}

// FromSlice copies a []int, []int64, []float64 or a []any of numbers; one float
// makes all of them float64.
func FromSlice(values any) (*Array, error) {
	switch v := values.(type) {
	case []int64:
		return &Array{ints: append(make([]int64, 0, len(v)), v...)}, nil
	case []float64:
		return &Array{floats: append(make([]float64, 0, len(v)), v...)}, nil
	case []int:
		a := &Array{ints: make([]int64, len(v))}
		for i, n := range v {
			a.ints[i] = int64(n)
		}
		return a, nil
	case []any:
		return fromAny(v)
	case *rt.List:
		return fromAny(v.Items)
	}
	return nil, rt.Raise("TypeError", "FromSlice needs a []int, []int64, []float64 or a list of numbers, not %T", values)
}

func fromAny(values []any) (*Array, error) {
	a := &Array{ints: make([]int64, len(values))}
	for i, v := range values {
		n, f, isInt, ok := number(v)
		if !ok {
			return nil, rt.Raise("TypeError", "element %d is no number but %s", i, rt.Repr(v))
		}
		if !isInt && a.ints != nil {
			a = a.asFloats()
		}
		if a.ints != nil {
			a.ints[i] = n
		} else {
			a.floats[i] = f
		}
	}
	return a, nil
}

func number(v any) (n int64, f float64, isInt, ok bool) {
	switch v := v.(type) {
	case int:
		return int64(v), float64(v), true, true
	case int64:
		return v, float64(v), true, true
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// Len is the number of elements.
func (a *Array) Len() int {
	if a.ints != nil {
		return len(a.ints)
	}
	return len(a.floats)
}

// DType is "int64" or "float64".
func (a *Array) DType() string {
	if a.ints != nil {
		return "int64"
	}
	return "float64"
}

// Shape is (n,) or (rows, columns).
func (a *Array) Shape() []int {
	if a.rows == 0 {
		return []int{a.Len()}
	}
	return []int{a.rows, a.Len() / a.rows}
}

func (a *Array) shape() string {
	s := a.Shape()
	if len(s) == 1 {
		return fmt.Sprintf("(%d,)", s[0])
	}
	return fmt.Sprintf("(%d,%d)", s[0], s[1])
}

// Reshape is the array as a matrix; it shares the elements.
func (a *Array) Reshape(rows, columns int) (*Array, error) {
	if rows <= 0 || columns <= 0 || rows*columns != a.Len() {
		return nil, rt.Raise("ValueError", "cannot reshape array of size %d into shape (%d,%d)", a.Len(), rows, columns)
	}
	return &Array{ints: a.ints, floats: a.floats, rows: rows}, nil
}

// At is element i, an int64 or a float64; negative ones count from the end.
func (a *Array) At(i int) (any, error) {
	at := i
	if at < 0 {
		at += a.Len()
	}
	if at < 0 || at >= a.Len() {
		return nil, rt.Raise("IndexError", "index %d is out of bounds for axis 0 with size %d", i, a.Len())
	}
	if a.ints != nil {
		return a.ints[at], nil
	}
	return a.floats[at], nil
}

// Set changes element i.
func (a *Array) Set(i int, v any) error {
	if _, err := a.At(i); err != nil {
		return err
	}
	if i < 0 {
		i += a.Len()
	}
	n, f, isInt, ok := number(v)
	switch {
	case !ok:
		return rt.Raise("TypeError", "an element must be a number, not %s", rt.Repr(v))
	case a.ints == nil:
		a.floats[i] = f
	case isInt:
		a.ints[i] = n
	default:
		a.ints[i] = int64(f) // as NumPy: towards zero
	}
	return nil
}

// Int64s and Float64s are copies of the elements, converted if need be.
func (a *Array) Int64s() []int64 {
	if a.ints != nil {
		return slices.Clone(a.ints)
	}
	out := make([]int64, len(a.floats))
	for i, f := range a.floats {
		out[i] = int64(f)
	}
	return out
}

// Float64s is a copy of the elements as float64.
func (a *Array) Float64s() []float64 { return slices.Clone(a.asFloats().floats) }

// AsFloat is astype(float64).
func (a *Array) AsFloat() *Array { return &Array{floats: a.Float64s(), rows: a.rows} }

func (a *Array) asFloats() *Array {
	if a.ints == nil {
		return a
	}
	f := &Array{floats: make([]float64, len(a.ints)), rows: a.rows}
	for i, n := range a.ints {
		f.floats[i] = float64(n)
	}
	return f
}

// operand makes b fit a: an array of the same shape, or a number.
func (a *Array) operand(b any) (*Array, error) {
	if o, ok := b.(*Array); ok && o != nil {
		if !slices.Equal(o.Shape(), a.Shape()) {
			return nil, rt.Raise("ValueError", "operands could not be broadcast together with shapes %s %s ", a.shape(), o.shape())
		}
		return o, nil
	}
	n, f, isInt, ok := number(b)
	switch {
	case !ok:
		return nil, rt.Raise("TypeError", "an array can be combined with an array or a number, not with %T", b)
	case isInt && a.ints != nil:
		o := &Array{ints: make([]int64, a.Len()), rows: a.rows}
		for i := range o.ints {
			o.ints[i] = n
		}
		return o, nil
	}
	o := Full(a.Len(), f)
	o.rows = a.rows
	return o, nil
}

// binary applies one of two loops: on int64, or on float64.
func (a *Array) binary(t *rt.Thread, op string, b any, ints func(dst, x, y []int64), floats func(dst, x, y []float64)) (*Array, error) {
	o, err := a.operand(b)
	if err != nil {
		return nil, err
	}
	out := &Array{rows: a.rows}
	err = elements(t, op, a.Len(), func() {
		if ints != nil && a.ints != nil && o.ints != nil {
			out.ints = make([]int64, a.Len())
			ints(out.ints, a.ints, o.ints)
			return
		}
		out.floats = make([]float64, a.Len())
		floats(out.floats, a.asFloats().floats, o.asFloats().floats)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Add is a + b; b is an array of the same shape or a number. int64 wraps
// around.
func (a *Array) Add(t *rt.Thread, b any) (*Array, error) {
	return a.binary(t, "Add", b, func(dst, x, y []int64) {
		for i := range dst {
			dst[i] = x[i] + y[i]
		}
	}, func(dst, x, y []float64) { floats.AddTo(dst, x, y) })
}

// Sub is a - b.
func (a *Array) Sub(t *rt.Thread, b any) (*Array, error) {
	return a.binary(t, "Sub", b, func(dst, x, y []int64) {
		for i := range dst {
			dst[i] = x[i] - y[i]
		}
	}, func(dst, x, y []float64) { floats.SubTo(dst, x, y) })
}

// Mul is a * b, element by element.
func (a *Array) Mul(t *rt.Thread, b any) (*Array, error) {
	return a.binary(t, "Mul", b, func(dst, x, y []int64) {
		for i := range dst {
			dst[i] = x[i] * y[i]
		}
	}, func(dst, x, y []float64) { floats.MulTo(dst, x, y) })
}

// Div is a / b, always in float64. A division by zero gives inf or nan, with
// NumPy's RuntimeWarning.
func (a *Array) Div(t *rt.Thread, b any) (*Array, error) {
	q, err := a.binary(t, "Div", b, nil, func(dst, x, y []float64) { floats.DivTo(dst, x, y) })
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(q.floats, func(f float64) bool { return math.IsInf(f, 0) }) {
		rt.CurrentScope().Warn("RuntimeWarning", "divide by zero encountered in divide")
	}
	return q, nil
}

// Sqrt is numpy.sqrt(a), in float64; of a negative number it is nan, with
// NumPy's RuntimeWarning.
func (a *Array) Sqrt(t *rt.Thread) (*Array, error) {
	out := &Array{floats: make([]float64, a.Len()), rows: a.rows}
	invalid := false
	err := elements(t, "Sqrt", a.Len(), func() {
		for i, f := range a.asFloats().floats {
			invalid = invalid || f < 0
			out.floats[i] = math.Sqrt(f)
		}
	})
	if err != nil {
		return nil, err
	}
	if invalid {
		rt.CurrentScope().Warn("RuntimeWarning", "invalid value encountered in sqrt")
	}
	return out, nil
}

// Sum is a.sum(): an int64, which wraps around, or a float64. The only errors
// are those of Call.
func (a *Array) Sum(t *rt.Thread) (any, error) {
	var result any
	err := elements(t, "Sum", a.Len(), func() {
		if a.ints == nil {
			result = floats.Sum(a.floats)
			return
		}
		var s int64
		for _, n := range a.ints {
			s += n
		}
		result = s
	})
	return result, err
}

// Min and Max are the least and the greatest element; a ValueError if there is
// none.
func (a *Array) Min(t *rt.Thread) (any, error) { return a.extreme(t, "Min", "minimum", -1) }

// Max is a.max().
func (a *Array) Max(t *rt.Thread) (any, error) { return a.extreme(t, "Max", "maximum", 1) }

func (a *Array) extreme(t *rt.Thread, op, name string, sign int) (any, error) {
	if a.Len() == 0 {
		return nil, rt.Raise("ValueError", "zero-size array to reduction operation %s which has no identity", name)
	}
	var result any
	err := elements(t, op, a.Len(), func() {
		switch {
		case a.ints != nil && sign > 0:
			result = slices.Max(a.ints)
		case a.ints != nil:
			result = slices.Min(a.ints)
		case sign > 0:
			result = slices.Max(a.floats)
		default:
			result = slices.Min(a.floats)
		}
	})
	return result, err
}

// Mean is a.mean(), a float64; nan with a warning if there is no element.
func (a *Array) Mean(t *rt.Thread) (float64, error) {
	if a.Len() == 0 {
		rt.CurrentScope().Warn("RuntimeWarning", "Mean of empty slice.")
		return math.NaN(), nil
	}
	var s float64
	err := elements(t, "Sum", a.Len(), func() { s = floats.Sum(a.asFloats().floats) })
	return s / float64(a.Len()), err
}

// Dot is numpy.dot(a, b) of two vectors, without the temporary array that Mul
// and Sum need.
func (a *Array) Dot(t *rt.Thread, b *Array) (any, error) {
	if b == nil || a.rows != 0 || b.rows != 0 {
		return nil, rt.Raise("ValueError", "Dot needs two vectors; MatMul multiplies matrices")
	}
	if a.Len() != b.Len() {
		return nil, rt.Raise("ValueError", "shapes %s and %s not aligned: %d (dim 0) != %d (dim 0)", a.shape(), b.shape(), a.Len(), b.Len())
	}
	var result any
	err := elements(t, "Dot", a.Len(), func() {
		if a.ints == nil || b.ints == nil {
			result = floats.Dot(a.asFloats().floats, b.asFloats().floats)
			return
		}
		var s int64
		for i, n := range a.ints {
			s += n * b.ints[i]
		}
		result = s
	})
	return result, err
}

// Sort is numpy.sort(a): a sorted copy, nan last.
func (a *Array) Sort(t *rt.Thread) (*Array, error) {
	out := &Array{rows: a.rows}
	n := a.Len()
	err := elementsFor(t, n, Cost("Sort", n*bits.Len(uint(n))), func() {
		out.ints, out.floats = slices.Clone(a.ints), slices.Clone(a.floats)
		slices.Sort(out.ints)
		slices.SortFunc(out.floats, func(x, y float64) int {
			switch {
			case x < y || math.IsNaN(y) && !math.IsNaN(x):
				return -1
			case x > y || math.IsNaN(x) && !math.IsNaN(y):
				return 1
			}
			return 0
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MatMul is a @ b of two matrices.
func (a *Array) MatMul(t *rt.Thread, b *Array) (*Array, error) {
	if b == nil || a.rows == 0 || b.rows == 0 {
		return nil, rt.Raise("ValueError", "MatMul needs two matrices: use Reshape")
	}
	n, k, m := a.rows, a.Shape()[1], b.Shape()[1]
	if k != b.rows {
		return nil, rt.Raise("ValueError", "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size %d is different from %d)", b.rows, k)
	}
	out := &Array{rows: n}
	err := elementsFor(t, n*m, Cost("MatMul", n*k*m), func() {
		if a.ints != nil && b.ints != nil {
			out.ints = multiply(a.ints, b.ints, n, k, m)
			return
		}
		out.floats = make([]float64, n*m)
		mat.NewDense(n, m, out.floats).Mul(mat.NewDense(n, k, a.asFloats().floats), mat.NewDense(k, m, b.asFloats().floats))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func multiply(a, b []int64, n, k, m int) []int64 {
	out := make([]int64, n*m)
	for i := range n {
		row := out[i*m : (i+1)*m]
		for l := range k {
			x := a[i*k+l]
			for j, y := range b[l*m : (l+1)*m] {
				row[j] += x * y
			}
		}
	}
	return out
}

// ExactSum is sum(a) of Python's integers: it grows instead of wrapping around.
// A TypeError for floats.
func ExactSum(a *Array) (*big.Int, error) {
	if a.ints == nil {
		return nil, rt.Raise("TypeError", "ExactSum needs integers: floats are rounded")
	}
	s := &accumulator{}
	for _, n := range a.ints {
		s.add(n, 1)
	}
	return s.value(), nil
}

// ExactDot is sum(x*y for x, y in zip(a, b)) of Python's integers.
func ExactDot(a, b *Array) (*big.Int, error) {
	switch {
	case a.ints == nil || b.ints == nil:
		return nil, rt.Raise("TypeError", "ExactDot needs integers: floats are rounded")
	case a.Len() != b.Len():
		return nil, rt.Raise("ValueError", "shapes %s and %s not aligned: %d (dim 0) != %d (dim 0)", a.shape(), b.shape(), a.Len(), b.Len())
	}
	s := &accumulator{}
	for i, n := range a.ints {
		s.add(n, b.ints[i])
	}
	return s.value(), nil
}

// accumulator is a sum of products of int64 in 192 bits, exact for 2^63 of
// them.
type accumulator struct{ pos, neg [3]uint64 }

func (s *accumulator) add(x, y int64) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	to := &s.pos
	if (x < 0) != (y < 0) {
		to = &s.neg
	}
	var carry uint64
	to[0], carry = bits.Add64(to[0], lo, 0)
	to[1], carry = bits.Add64(to[1], hi, carry)
	to[2] += carry
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func (s *accumulator) value() *big.Int {
	return new(big.Int).Sub(wide(s.pos), wide(s.neg))
}

func wide(w [3]uint64) *big.Int {
	n := new(big.Int)
	for i := 2; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w[i]))
	}
	return n
}

// String is as NumPy prints it: all elements up to 1000, else the first and the
// last three.
func (a *Array) String() string {
	if a.rows == 0 {
		return "[" + a.row(0, a.Len()) + "]"
	}
	columns := a.Len() / a.rows
	lines := make([]string, 0, a.rows)
	for i := range a.rows {
		if a.rows > 6 && a.Len() > 1000 && i >= 3 && i < a.rows-3 {
			if i == 3 {
				lines = append(lines, "...")
			}
			continue
		}
		lines = append(lines, "["+a.row(i*columns, (i+1)*columns)+"]")
	}
	return "[" + strings.Join(lines, "\n ") + "]"
}

func (a *Array) row(from, to int) string {
	var parts []string
	for i := from; i < to; i++ {
		if to-from > 6 && a.Len() > 1000 && i-from >= 3 && to-i > 3 {
			if i-from == 3 {
				parts = append(parts, "...")
			}
			continue
		}
		if a.ints != nil {
			parts = append(parts, strconv.FormatInt(a.ints[i], 10))
			continue
		}
		parts = append(parts, float(a.floats[i]))
	}
	return strings.Join(parts, " ")
}

// float is a number as in an array: "1.", "0.5", "inf", "nan".
func float(f float64) string {
	switch s := strconv.FormatFloat(f, 'g', 8, 64); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(s, "+"))
	case !strings.ContainsAny(s, ".e"):
		return s + "."
	default:
		return s
	}
}

// PyType is the name of the type in messages.
func (a *Array) PyType() string { return "numpy.ndarray" }
