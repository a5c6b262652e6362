package viz

import (
	"fmt"
	"strings"
)

// TaskNode is a task with the coroutines it is suspended in and the tasks that
// it waits for. A task may be reached more than once; the drawing stops where
// one awaits itself.
type TaskNode struct {
	Name   string   // "Task-1"
	State  string   // "pending", "running", "done", "cancelled"
	Frames []string // "main example.go:13", outermost first
	Awaits []*TaskNode
}

type taskLine struct {
	prefix string // "    └── "
	text   string
	task   bool
	node   *TaskNode
	cycle  bool
	state  string
	level  int
}

// Tasks is picture V9: who awaits whom, as python -m asyncio pstree of 3.14
// prints it. A task that, through others, waits for itself is red: it never
// ends.
func Tasks(roots ...*TaskNode) *Picture {
	p := &Picture{Title: "Who awaits whom", header: []string{"level", "task or coroutine", "state"}}
	var lines []taskLine
	for _, r := range roots {
		if r != nil {
			lines = walkTasks(lines, r, "", 0, nil)
		}
	}
	if len(lines) == 0 {
		return wrong(p.Title, "There are no tasks: they have all ended, or none was created")
	}
	tasks, cycles := map[*TaskNode]bool{}, 0
	for _, l := range lines {
		p.rows = append(p.rows, []string{fmt.Sprint(l.level), l.text, l.state})
		if l.task {
			tasks[l.node] = true
		}
		if l.cycle {
			cycles++
		}
	}
	p.Caption = fmt.Sprintf("%s, %s deep", count(len(tasks), "task"), count(depthOf(lines), "level"))
	if cycles > 0 {
		p.Caption += fmt.Sprintf("; %s: these tasks wait for themselves and never end", count(cycles, "await cycle"))
	} else {
		p.Caption += "; no await cycle"
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l.prefix+l.text+" "+l.state, " ") + "\n")
	}
	p.text = b.String()
	return p.take(drawTasks(p, lines))
}

func depthOf(lines []taskLine) int {
	d := 0
	for _, l := range lines {
		d = max(d, l.level)
	}
	return d + 1
}

func walkTasks(lines []taskLine, n *TaskNode, indent string, level int, above []*TaskNode) []taskLine {
	prefix := ""
	if level > 0 {
		prefix = indent[:len(indent)-4] + "└── "
	}
	line := taskLine{prefix: prefix, text: "(T) " + n.Name, task: true, node: n, state: n.State, level: level}
	for _, a := range above {
		line.cycle = line.cycle || a == n
	}
	if line.cycle {
		line.text += " – awaits itself"
		return append(lines, line)
	}
	lines = append(lines, line)
	for _, f := range n.Frames {
		level++
		lines = append(lines, taskLine{prefix: indent + "└── ", text: f, level: level})
		indent += "    "
	}
	above = append(above[:len(above):len(above)], n)
	for _, k := range n.Awaits {
		if k != nil {
			lines = walkTasks(lines, k, indent+"    ", level+1, above)
		}
	}
	return lines
}

func drawTasks(p *Picture, lines []taskLine) *canvas {
	c := newCanvas(chartWidth)
	const row, most = 19.0, 150
	last := map[int]float64{}
	for i, l := range lines[:min(len(lines), most)] {
		y := 6 + row*float64(i)
		x := 10 + 22*float64(l.level)
		if top, ok := last[l.level-1]; ok && l.level > 0 {
			c.path(fmt.Sprintf("M%s %sV%sH%s", num(x-14), num(top+16), num(y+8), num(x-3)), stroke{faint: true}, "")
		}
		last[l.level] = y
		if !l.task {
			c.text(x, y+12, cut(l.text, chartWidth-x-8, 11), textStyle{mono: true, faint: true})
			continue
		}
		f := taskFill(l)
		text := l.text
		if l.state != "" {
			text += " · " + l.state
		}
		text = cut(text, chartWidth-x-20, 11)
		st := textStyle{colour: ink(f.colour), bold: true}
		if f.hatch {
			st.colour = ""
		}
		c.rect(x, y, wide(text, 11)+14, 16, f, text)
		c.text(x+7, y+12, text, st)
	}
	c.height = 10 + row*float64(min(len(lines), most))
	if more := len(lines) - most; more > 0 {
		p.Merged += more
		c.text(10, c.height+10, fmt.Sprintf("… %d more lines", more), textStyle{faint: true})
		c.height += 18
	}
	return c
}

func taskFill(l taskLine) fill {
	switch {
	case l.cycle:
		return fill{colour: vermillion}
	case l.state == "running":
		return fill{colour: green}
	case l.state == "done":
		return fill{colour: grey}
	case strings.HasPrefix(l.state, "cancel"):
		return fill{colour: orange, hatch: true}
	}
	return fill{colour: sky}
}
