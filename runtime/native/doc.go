// Package native is compiled code as Python sees it: functions "in C" that hold
// or release the GIL, and arrays in the manner of NumPy on gonum's kernels.
//
//	x := native.Arange(10_000_000)
//	y, err := x.Mul(t, x)          // releases the GIL of t while it computes
//	fmt.Println(y.Sum(t))          // 1291890006563070912: int64 wraps around
//	fmt.Println(native.ExactDot(x, x)) // 333333283333335000000: Python's int does not
//
// Operations take the thread that calls them, or nil outside of any.
//
// # Model
//
// An operation on more than 500 elements releases the GIL, on fewer it holds
// it: below that, giving the lock away and getting it back costs more than it
// brings. Integers are int64 and wrap around silently; a division makes floats;
// an integer with a float makes floats. Call runs any Go function with either
// policy; one that releases and touches a Var, Object or lock of the model gets
// a RuntimeError. On a virtual clock operations take the time that Cost says,
// on the cores of the modelled machine.
//
// # Real CPython
//
// numpy/_core/include/numpy/ndarraytypes.h, NPY_BEGIN_THREADS_THRESHOLDED: the
// 500. Python/ceval_gil.c, PyEval_SaveThread: the release. Exact integers are
// Objects/longobject.c's, here math/big's.
//
// # Not modelled
//
// Sorting and BLAS calls release the GIL at any size in NumPy, here above the
// same 500. There are no views, no strides, no dtypes but int64 and float64, at
// most two dimensions, and no broadcasting but that of scalars. Sums of floats
// are not pairwise: they may differ in the last digits.
//
// # Cost
//
// Ten million elements: Mul and Sum 28 ms, Dot 6 ms on one core.
package native
