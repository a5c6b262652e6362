package protocol

// Status is the status field of every reply.
type Status string

// The three statuses. Aborted is deprecated since 5.1, but it is what ipykernel
// sends and JupyterLab expects for cells that a failure ahead of them cancelled.
const (
	StatusOK      Status = "ok"
	StatusError   Status = "error"
	StatusAborted Status = "aborted"
)

// Error is the triple that error replies and the iopub error message share.
type Error struct {
	EName     string `json:"ename"`
	EValue    string `json:"evalue"`
	Traceback Lines  `json:"traceback"`
}

// NewError returns an error whose traceback is "ename: evalue" if none is given:
// front ends show the traceback and nothing else.
func NewError(ename, evalue string, traceback []string) Error {
	if len(traceback) == 0 {
		traceback = []string{ename + ": " + evalue}
	}
	return Error{EName: ename, EValue: evalue, Traceback: traceback}
}

// Reply is the content of a reply. All implementations are structs of this
// package, made by its constructors.
type Reply interface{ ReplyStatus() Status }

// ReplyStatus returns the status itself; reply structs embed it as a field.
func (s Status) ReplyStatus() Status { return s }

// ErrorReply is a failed reply to any request.
type ErrorReply struct {
	Status `json:"status"`
	Error
}

// NewErrorReply answers a request with an error.
func NewErrorReply(e Error) ErrorReply { return ErrorReply{StatusError, e} }

// ExecuteReply is execute_reply with status ok.
type ExecuteReply struct {
	Status          `json:"status"`
	ExecutionCount  int      `json:"execution_count"`
	UserExpressions Object   `json:"user_expressions"`
	Payload         []Object `json:"payload"`
}

// NewExecuteReply answers a cell that ran to its end.
func NewExecuteReply(count int, expressions Object, payload []Object) ExecuteReply {
	if payload == nil {
		payload = []Object{}
	}
	return ExecuteReply{StatusOK, count, expressions, payload}
}

// ExecuteErrorReply is execute_reply with status error or aborted.
type ExecuteErrorReply struct {
	Status          `json:"status"`
	ExecutionCount  int      `json:"execution_count"`
	UserExpressions Object   `json:"user_expressions"`
	Payload         []Object `json:"payload"`
	Error
}

// NewExecuteErrorReply answers a cell that failed.
func NewExecuteErrorReply(count int, e Error, payload []Object) ExecuteErrorReply {
	if payload == nil {
		payload = []Object{}
	}
	return ExecuteErrorReply{Status: StatusError, ExecutionCount: count, Payload: payload, Error: e}
}

// NewExecuteAbortedReply answers a cell that was not run because one before it
// failed or was interrupted.
func NewExecuteAbortedReply(count int) ExecuteErrorReply {
	r := NewExecuteErrorReply(count, NewError("ExecutionAborted", "not run: a cell before it failed or was interrupted", nil), nil)
	r.Status = StatusAborted
	return r
}

// ExpressionValue is the value of one entry of user_expressions.
type ExpressionValue struct {
	Status   `json:"status"`
	Data     Object `json:"data"`
	Metadata Object `json:"metadata"`
}

// NewExpressionValue returns the good outcome of a user expression; its failure
// is an [ErrorReply].
func NewExpressionValue(data, metadata map[string]any) ExpressionValue {
	return ExpressionValue{StatusOK, data, metadata}
}

// CompletionType describes one match for front ends that show icons and
// signatures: an entry of the metadata _jupyter_types_experimental, which
// ipykernel introduced and JupyterLab reads.
type CompletionType struct {
	Start     int    `json:"start"` // code points
	End       int    `json:"end"`
	Text      string `json:"text"`
	Type      string `json:"type"`
	Signature string `json:"signature,omitempty"`
}

// CompleteReply is complete_reply.
type CompleteReply struct {
	Status      `json:"status"`
	Matches     Lines  `json:"matches"`
	CursorStart int    `json:"cursor_start"`
	CursorEnd   int    `json:"cursor_end"`
	Metadata    Object `json:"metadata"`
}

// NewCompleteReply answers with matches that replace the code points from start
// to end. All types share that span.
func NewCompleteReply(start, end int, types []CompletionType) CompleteReply {
	r := CompleteReply{Status: StatusOK, Matches: Lines{}, CursorStart: start, CursorEnd: end}
	if len(types) == 0 {
		return r
	}
	for i := range types {
		types[i].Start, types[i].End = start, end
		r.Matches = append(r.Matches, types[i].Text)
	}
	r.Metadata = Object{"_jupyter_types_experimental": types}
	return r
}

// InspectReply is inspect_reply.
type InspectReply struct {
	Status   `json:"status"`
	Found    bool   `json:"found"`
	Data     Object `json:"data"`
	Metadata Object `json:"metadata"`
}

// NewInspectReply answers with a MIME bundle, or with found false if data is empty.
func NewInspectReply(data, metadata map[string]any) InspectReply {
	return InspectReply{Status: StatusOK, Found: len(data) > 0, Data: data, Metadata: metadata}
}

// IsCompleteReply is is_complete_reply. Its status is not one of the three.
type IsCompleteReply struct {
	Completeness string  `json:"status"`
	Indent       *string `json:"indent,omitempty"`
}

// ReplyStatus implements [Reply]: the request itself was answered.
func (IsCompleteReply) ReplyStatus() Status { return StatusOK }

// NewIsCompleteReply answers with complete, incomplete, invalid or unknown; the
// indent goes with incomplete only.
func NewIsCompleteReply(completeness, indent string) IsCompleteReply {
	switch completeness {
	case "incomplete":
		return IsCompleteReply{completeness, &indent}
	case "complete", "invalid":
		return IsCompleteReply{completeness, nil}
	}
	return IsCompleteReply{"unknown", nil}
}

// HistoryEntry is one input of a session.
type HistoryEntry struct {
	Session int
	Line    int // the execution count
	Input   string
	Output  string // the text/plain of its result, if it had one
}

// HistoryReply is history_reply.
type HistoryReply struct {
	Status  `json:"status"`
	History [][3]any `json:"history"`
}

// NewHistoryReply answers with [session, line, input] triples, or with
// [session, line, [input, output]] if output is asked for (an input without a
// result has a null there, as in ipykernel).
func NewHistoryReply(entries []HistoryEntry, output bool) HistoryReply {
	r := HistoryReply{StatusOK, make([][3]any, 0, len(entries))}
	for _, e := range entries {
		var third any = e.Input
		if output {
			pair := [2]any{e.Input, nil}
			if e.Output != "" {
				pair[1] = e.Output
			}
			third = pair
		}
		r.History = append(r.History, [3]any{e.Session, e.Line, third})
	}
	return r
}

// CommInfoReply is comm_info_reply.
type CommInfoReply struct {
	Status `json:"status"`
	Comms  Object `json:"comms"`
}

// NewCommInfoReply answers with the open comms, given as id → target name.
func NewCommInfoReply(comms map[string]string) CommInfoReply {
	r := CommInfoReply{StatusOK, Object{}}
	for id, target := range comms {
		r.Comms[id] = map[string]string{"target_name": target}
	}
	return r
}

// LanguageInfo tells front ends how to show and store code.
type LanguageInfo struct {
	Name              string `json:"name"`
	Version           string `json:"version"`
	Mimetype          string `json:"mimetype"`
	FileExtension     string `json:"file_extension"`
	PygmentsLexer     string `json:"pygments_lexer"`
	CodemirrorMode    string `json:"codemirror_mode"`
	NbconvertExporter string `json:"nbconvert_exporter"`
}

// HelpLink is an entry of a front end's help menu.
type HelpLink struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// KernelInfo is what kernel_info_reply tells beside its status.
type KernelInfo struct {
	ProtocolVersion       string       `json:"protocol_version"`
	Implementation        string       `json:"implementation"`
	ImplementationVersion string       `json:"implementation_version"`
	LanguageInfo          LanguageInfo `json:"language_info"`
	Banner                string       `json:"banner"`
	HelpLinks             []HelpLink   `json:"help_links"`
	SupportedFeatures     Lines        `json:"supported_features"` // JEP 92
}

// KernelInfoReply is kernel_info_reply.
type KernelInfoReply struct {
	Status `json:"status"`
	KernelInfo
}

// NewKernelInfoReply answers with info.
func NewKernelInfoReply(info KernelInfo) KernelInfoReply {
	if info.HelpLinks == nil {
		info.HelpLinks = []HelpLink{}
	}
	return KernelInfoReply{StatusOK, info}
}

// Ports are the five ports of a connection file.
type Ports struct {
	Shell   int `json:"shell_port"`
	IOPub   int `json:"iopub_port"`
	Stdin   int `json:"stdin_port"`
	Control int `json:"control_port"`
	HB      int `json:"hb_port"`
}

// ConnectReply is connect_reply (deprecated since 5.1).
type ConnectReply struct {
	Status `json:"status"`
	Ports
}

// NewConnectReply answers with the ports.
func NewConnectReply(p Ports) ConnectReply { return ConnectReply{StatusOK, p} }

// ShutdownReply is shutdown_reply, sent to the asking client and broadcast on iopub.
type ShutdownReply struct {
	Status  `json:"status"`
	Restart bool `json:"restart"`
}

// NewShutdownReply repeats the request's restart.
func NewShutdownReply(restart bool) ShutdownReply { return ShutdownReply{StatusOK, restart} }

// OKReply is a reply that says nothing but ok: interrupt_reply,
// delete_subshell_reply.
type OKReply struct {
	Status `json:"status"`
}

// NewOKReply answers ok.
func NewOKReply() OKReply { return OKReply{StatusOK} }

// CreateSubshellReply is create_subshell_reply (JEP 91).
type CreateSubshellReply struct {
	Status     `json:"status"`
	SubshellID string `json:"subshell_id"`
}

// NewCreateSubshellReply answers with the id of the new subshell.
func NewCreateSubshellReply(id string) CreateSubshellReply { return CreateSubshellReply{StatusOK, id} }

// ListSubshellReply is list_subshell_reply (JEP 91).
type ListSubshellReply struct {
	Status     `json:"status"`
	SubshellID Lines `json:"subshell_id"`
}

// NewListSubshellReply answers with the ids of all subshells; the main shell has none.
func NewListSubshellReply(ids []string) ListSubshellReply { return ListSubshellReply{StatusOK, ids} }

// DebugReply is the refusal of a debug_request, in the form of a Debug Adapter
// Protocol response.
type DebugReply struct {
	Type       string `json:"type"`
	Seq        int    `json:"seq"`
	RequestSeq int    `json:"request_seq"`
	Command    string `json:"command"`
	Success    bool   `json:"success"`
	Message    string `json:"message"`
}

// ReplyStatus implements [Reply].
func (DebugReply) ReplyStatus() Status { return StatusError }

// NewDebugRefusal answers a debug_request of a kernel without a debugger.
func NewDebugRefusal(r DebugRequest, message string) DebugReply {
	return DebugReply{Type: "response", RequestSeq: r.Seq, Command: r.Command, Message: message}
}

// UsageReply is usage_reply, ipykernel's extension that resource monitors read.
// Memory is in bytes; percentages may exceed 100 on several cores.
type UsageReply struct {
	Status       `json:"status"`
	Hostname     string  `json:"hostname"`
	PID          int     `json:"pid"`
	KernelCPU    float64 `json:"kernel_cpu"`    // percent of one core since the request before
	KernelMemory int64   `json:"kernel_memory"` // resident, of the kernel and its descendants
	CPUCount     int     `json:"cpu_count"`
	HostMemory   Object  `json:"host_virtual_memory"`
}

// ReplyMetadata is the metadata of replies: when work on the request began, and
// where. JupyterLab takes a cell's timing from it.
type ReplyMetadata struct {
	Started         string `json:"started"` // ISO 8601, UTC
	DependenciesMet bool   `json:"dependencies_met"`
	Engine          string `json:"engine"` // the kernel's session id
	Status          Status `json:"status"`
}
