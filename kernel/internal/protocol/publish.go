package protocol

// ExecutionState is the state of a status message.
type ExecutionState string

// The states. Starting is published once, without a parent.
const (
	StateStarting ExecutionState = "starting"
	StateBusy     ExecutionState = "busy"
	StateIdle     ExecutionState = "idle"
)

// StatusMessage is status.
type StatusMessage struct {
	ExecutionState ExecutionState `json:"execution_state"`
}

// Stream is stream: text on stdout or stderr.
type Stream struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// ExecuteInput is execute_input.
type ExecuteInput struct {
	Code           string `json:"code"`
	ExecutionCount int    `json:"execution_count"`
}

// ExecuteResult is execute_result.
type ExecuteResult struct {
	ExecutionCount int    `json:"execution_count"`
	Data           Object `json:"data"`
	Metadata       Object `json:"metadata"`
}

// DisplayData is display_data and update_display_data.
type DisplayData struct {
	Data      Object `json:"data"`
	Metadata  Object `json:"metadata"`
	Transient Object `json:"transient"`
}

// NewDisplayData returns a display; id "" stands for one that is never updated.
func NewDisplayData(data, metadata map[string]any, id string) DisplayData {
	d := DisplayData{Data: data, Metadata: metadata}
	if id != "" {
		d.Transient = Object{"display_id": id}
	}
	return d
}

// ClearOutput is clear_output.
type ClearOutput struct {
	Wait bool `json:"wait"`
}

// CommOpen is comm_open as a kernel sends it.
type CommOpen struct {
	ID     string `json:"comm_id"`
	Target string `json:"target_name"`
	Data   Object `json:"data"`
}

// CommData is comm_msg and comm_close.
type CommData struct {
	ID   string `json:"comm_id"`
	Data Object `json:"data"`
}

// IOPubWelcome is iopub_welcome (JEP 65): it greets each subscription, which is
// also its topic.
type IOPubWelcome struct {
	Subscription string `json:"subscription"`
}

// InputRequest is input_request, on the stdin socket.
type InputRequest struct {
	Prompt   string `json:"prompt"`
	Password bool   `json:"password"`
}
