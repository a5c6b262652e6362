package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"braid/kernel/internal/protocol"
)

// maxSubshells bounds what create_subshell_request can take: each has a goroutine.
const maxSubshells = 64

// shells are the main shell and the subshells. Only the goroutines that read shell
// and control look here, and whoever interrupts.
type shells struct {
	main *shell
	mu   sync.Mutex
	subs []*shell // in order of creation
}

// find returns the shell of a header's subshell_id; nil stands for the main shell.
func (s *shells) find(id *string) (*shell, bool) {
	if id == nil || *id == "" {
		return s.main, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.id == *id {
			return sub, true
		}
	}
	return nil, false
}

// all returns every shell, the main one first.
func (s *shells) all() []*shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*shell{s.main}, s.subs...)
}

// add makes a new subshell.
func (s *shells) add() (*shell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subs) >= maxSubshells {
		return nil, fmt.Errorf("there are %d subshells already; delete one first", maxSubshells)
	}
	sub := newShell(uuid.NewString())
	s.subs = append(s.subs, sub)
	return sub, nil
}

// remove takes a subshell out of the list and returns it.
func (s *shells) remove(id string) (*shell, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.subs, func(sub *shell) bool { return sub.id == id })
	if i < 0 {
		return nil, false
	}
	sub := s.subs[i]
	s.subs = slices.Delete(s.subs, i, i+1)
	return sub, true
}

func (k *kernel) createSubshell(r *request) (protocol.Reply, error) {
	sub, err := k.shells.add()
	if err != nil {
		return nil, err
	}
	if !k.spawn(&k.servers, func() { sub.loop(k) }) {
		return nil, errors.New("the kernel is shutting down")
	}
	return protocol.NewCreateSubshellReply(sub.id), nil
}

// deleteSubshell interrupts what the subshell runs and answers what it has queued.
func (k *kernel) deleteSubshell(r *request) (protocol.Reply, error) {
	in, err := protocol.DecodeDeleteSubshellRequest(r.Content)
	if err != nil {
		return nil, err
	}
	sub, ok := k.shells.remove(in.SubshellID)
	if !ok {
		return nil, fmt.Errorf("there is no subshell %q", in.SubshellID)
	}
	sub.interrupt()
	for _, left := range sub.queue.close() {
		left.aborted = true
		left.refused = fmt.Errorf("subshell %q was deleted", sub.id)
		k.readers.put(left)
	}
	return protocol.NewOKReply(), nil
}

func (k *kernel) listSubshells(r *request) (protocol.Reply, error) {
	var ids []string
	for _, s := range k.shells.all()[1:] {
		ids = append(ids, s.id)
	}
	return protocol.NewListSubshellReply(ids), nil
}
