package futures

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"time"

	rt "braid/runtime"
)

// Executor is what the three pools have in common
// (Lib/concurrent/futures/_base.py, Executor). The first argument is the
// calling thread, or nil where there is none.
type Executor interface {
	// Submit schedules fn(args...) and returns its Future.
	Submit(t *rt.Thread, fn any, args ...any) (*Future, error)
	// Map submits a call of fn for each item of a slice, at once, and returns
	// an iterator over their results in the order of the items.
	Map(t *rt.Thread, fn any, items any, options ...MapOption) (*Results, error)
	// Shutdown refuses further calls; it waits until those submitted have ended
	// if wait is set, after cancelling those that have not begun if
	// cancelFutures is.
	Shutdown(t *rt.Thread, wait, cancelFutures bool)
	// With is "with executor: body()": it ends with Shutdown(t, true, false),
	// however body ends.
	With(t *rt.Thread, body func())
}

// Default, given as the number of workers, is Python's max_workers=None.
const Default = math.MinInt

// processors is os.process_cpu_count().
func processors() int { return runtime.GOMAXPROCS(0) }

var errMaxWorkers = rt.Raise("ValueError", "max_workers must be greater than 0")

// Option is a keyword argument of an executor's constructor.
type Option func(*options)

type options struct {
	prefix      string
	initializer any
	initargs    []any
	hasInit     bool
	method      string
	maxTasks    any
	hasMaxTasks bool
}

func collect(given []Option) options {
	var o options
	for _, set := range given {
		set(&o)
	}
	return o
}

// ThreadNamePrefix is thread_name_prefix=prefix, of the pools of threads.
func ThreadNamePrefix(prefix string) Option { return func(o *options) { o.prefix = prefix } }

// Initializer is initializer=fn, initargs=args: each worker calls it first. If
// one raises, the pool is broken.
func Initializer(fn any, args ...any) Option {
	return func(o *options) { o.initializer, o.initargs, o.hasInit = fn, args, fn != nil }
}

func (o *options) checkInitializer() error {
	if o.hasInit && reflect.TypeOf(o.initializer).Kind() != reflect.Func && reflect.TypeOf(o.initializer).Kind() != reflect.String {
		return rt.Raise("TypeError", "initializer must be a callable")
	}
	return nil
}

// MapOption is a keyword argument of Map.
type MapOption func(*mapOptions)

type mapOptions struct {
	timeout time.Duration
	chunk   int
	buffer  int
	hasBuf  bool
	more    []any
}

// Timeout is timeout=d: the whole iteration must end within d of the call of
// Map.
func Timeout(d time.Duration) MapOption { return func(o *mapOptions) { o.timeout = d } }

// ChunkSize is chunksize=n: so many items travel to a worker process in one
// piece. Pools of threads ignore it.
func ChunkSize(n int) MapOption { return func(o *mapOptions) { o.chunk = n } }

// BufferSize is buffersize=n of CPython 3.14: only so many calls are submitted
// ahead of the results that were taken. Without it all are submitted at once.
func BufferSize(n int) MapOption {
	return func(o *mapOptions) { o.buffer, o.hasBuf = n, true }
}

// Zip adds iterables: fn gets an item of each. The shortest one counts.
func Zip(items ...any) MapOption {
	return func(o *mapOptions) { o.more = append(o.more, items...) }
}

func collectMap(given []MapOption) (mapOptions, error) {
	o := mapOptions{timeout: Forever, chunk: 1}
	for _, set := range given {
		set(&o)
	}
	if o.hasBuf && o.buffer < 1 {
		return o, rt.Raise("ValueError", "buffersize must be None or > 0")
	}
	return o, nil
}

// rows are the arguments of each call: zip(*iterables).
func rows(items any, more []any) ([][]any, error) {
	first, err := list(items)
	if err != nil {
		return nil, err
	}
	all := make([][]any, len(first))
	for i, v := range first {
		all[i] = append(make([]any, 0, 1+len(more)), v)
	}
	for _, m := range more {
		next, err := list(m)
		if err != nil {
			return nil, err
		}
		all = all[:min(len(all), len(next))]
		for i := range all {
			all[i] = append(all[i], next[i])
		}
	}
	return all, nil
}

// list is list(items) for what Go can iterate without calling anything.
func list(items any) ([]any, error) {
	switch v := items.(type) {
	case []any:
		return v, nil
	case nil:
		return nil, rt.Raise("TypeError", "'NoneType' object is not iterable")
	}
	v := reflect.ValueOf(items)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = v.Index(i).Interface()
		}
		return all, nil
	case reflect.String:
		var all []any
		for _, r := range v.String() {
			all = append(all, string(r))
		}
		return all, nil
	}
	return nil, rt.Raise("TypeError", "'%s' object is not iterable", TypeName(items))
}

// Range is range(from, to) as a list, for Map.
func Range(from, to int) []any {
	all := make([]any, 0, max(to-from, 0))
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// Results is the iterator that Map returns (_base.py, result_iterator).
type Results struct {
	submit  func(t *rt.Thread, i int) (*Future, error)
	n       int       // calls to be made
	begun   int       // calls that were submitted
	open    []*Future // submitted, not yielded
	ahead   []any     // results of a chunk, not yielded
	chunked bool
	timeout time.Duration
	since   time.Duration
	err     error
}

// begin submits what may be submitted ahead.
func (r *Results) begin(t *rt.Thread, ahead int) error {
	for r.begun < min(r.n, ahead) {
		if err := r.one(t); err != nil {
			r.Close(t)
			return err
		}
	}
	return nil
}

func (r *Results) one(t *rt.Thread) error {
	f, err := r.submit(t, r.begun)
	if err != nil {
		return err
	}
	r.begun++
	r.open = append(r.open, f)
	return nil
}

// Next returns the next result. It raises what the call at this position
// raised, or TimeoutError; the calls behind it are cancelled then, and further
// calls of Next, like those at the end, raise StopIteration.
func (r *Results) Next(t *rt.Thread) (any, error) {
	for r.err == nil && len(r.ahead) == 0 {
		if len(r.open) == 0 {
			r.err = rt.Raise("StopIteration", "")
			break
		}
		v, err := r.take(t)
		if err != nil {
			r.Close(t)
			return nil, err
		}
		if !r.chunked {
			return v, nil
		}
		r.ahead, _ = v.([]any)
	}
	if r.err != nil {
		return nil, r.err
	}
	v := r.ahead[0]
	r.ahead = r.ahead[1:]
	return v, nil
}

// take is _result_or_cancel of the oldest Future.
func (r *Results) take(t *rt.Thread) (any, error) {
	if r.begun < r.n { // buffersize: submit before waiting
		if err := r.one(t); err != nil {
			return nil, err
		}
	}
	f := r.open[0]
	r.open = r.open[1:]
	v, err := f.Result(t, left(t, r.timeout, r.since))
	f.Cancel(t)
	return v, err
}

// List is list(results): all values up to the first exception.
func (r *Results) List(t *rt.Thread) ([]any, error) {
	all := make([]any, 0, r.n)
	for {
		v, err := r.Next(t)
		switch {
		case err == nil:
			all = append(all, v)
		case r.err != nil && rt.Is(err, "StopIteration") && err == r.err:
			return all, nil
		default:
			return all, err
		}
	}
}

// Close ends the iteration: calls that have not begun are cancelled.
func (r *Results) Close(t *rt.Thread) {
	for _, f := range r.open {
		f.Cancel(t)
	}
	r.open, r.ahead, r.begun = nil, nil, r.n
	if r.err == nil {
		r.err = rt.Raise("StopIteration", "")
	}
}

// mapCalls is Executor.map for executors that make one call for each item.
func mapCalls(t *rt.Thread, e Executor, fn any, items any, given []MapOption) (*Results, error) {
	o, err := collectMap(given)
	if err != nil {
		return nil, err
	}
	all, err := rows(items, o.more)
	if err != nil {
		return nil, err
	}
	r := &Results{n: len(all), timeout: o.timeout, since: clock(t)}
	r.submit = func(t *rt.Thread, i int) (*Future, error) { return e.Submit(t, fn, all[i]...) }
	ahead := len(all)
	if o.hasBuf {
		ahead = o.buffer
	}
	return r, r.begin(t, ahead)
}

func with(t *rt.Thread, e Executor, body func()) {
	defer func() {
		if r := recover(); r != nil {
			if !aborted(r) {
				e.Shutdown(t, true, false)
			}
			panic(r)
		}
		e.Shutdown(t, true, false)
	}()
	body()
}

// poolName numbers executors of a kind, as the class's counter does.
func poolName(in *rt.Interpreter, class string) string {
	return fmt.Sprintf("%s-%d", class, in.Count(class))
}
