package install

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"sync"
)

// The logo is a plait of three strands on a dark tile, drawn from one formula
// for both SVG and PNG: strand k runs down the tile at x = sin θ with height
// z = sin 2θ towards the viewer, θ shifted by a third of a turn for each
// strand. Where two strands cross, one has z > 0 and the other z < 0.

const (
	tile      = 64.0 // side of the drawing, in units
	swing     = 15.0 // amplitude of a strand
	thickness = 9.0  // of a strand
	gap       = 2.2  // of background beside the upper strand at a crossing
	turn      = 58.0 // units of y in which a strand comes back to its place
	corner    = 13.0 // radius of the tile's corners
	clear     = 0.45 // height from which a strand has a gap beside it
)

var (
	background = color.NRGBA{0x12, 0x22, 0x3a, 0xff}
	strands    = [3]color.NRGBA{{0x00, 0xad, 0xd8, 0xff}, {0xf4, 0xc9, 0x5d, 0xff}, {0xee, 0xf4, 0xfa, 0xff}}
)

type point struct{ x, y float64 }

// strand is the point of strand k at angle θ; y does not depend on k.
func strand(k int, theta float64) point {
	return point{
		x: tile/2 + swing*math.Sin(theta+float64(k)*2*math.Pi/3),
		y: theta / (2 * math.Pi) * turn,
	}
}

func height(k int, theta float64) float64 {
	return math.Sin(2 * (theta + float64(k)*2*math.Pi/3))
}

// logos are the files that Jupyter front ends look for beside a kernel.json.
func logos() (map[string][]byte, error) {
	files := map[string][]byte{"logo-svg.svg": []byte(logoSVG())}
	for _, size := range []int{32, 64} {
		var b bytes.Buffer
		if err := png.Encode(&b, logoPNG(size)); err != nil {
			return nil, err
		}
		files[fmt.Sprintf("logo-%dx%d.png", size, size)] = b.Bytes()
	}
	return files, nil
}

func logoSVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g"><title>Braid</title>`, tile, tile)
	fmt.Fprintf(&b, `<clipPath id="t"><rect width="%g" height="%g" rx="%g"/></clipPath>`, tile, tile, corner)
	fmt.Fprintf(&b, `<g clip-path="url(#t)" fill="none"><rect width="%g" height="%g" fill="%s"/>`,
		tile, tile, hex(background))
	lower := func(z float64) bool { return z <= 0 }
	upper := func(z float64) bool { return z > 0 }
	above := func(z float64) bool { return z > clear }
	for k, c := range strands {
		path(&b, spans(k, lower), c, thickness)
	}
	for k := range strands {
		path(&b, spans(k, above), background, thickness+2*gap)
	}
	for k, c := range strands {
		path(&b, spans(k, upper), c, thickness)
	}
	b.WriteString("</g></svg>\n")
	return b.String()
}

func path(b *strings.Builder, d string, c color.NRGBA, width float64) {
	fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="%g"/>`, d, hex(c), width)
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// spans is the SVG path of those pieces of strand k whose height is wanted;
// they overlap a little, so that no seam shows.
func spans(k int, wanted func(z float64) bool) string {
	const step = math.Pi / 24
	var d strings.Builder
	drawing := false
	for i := -6; float64(i)*step < 2*math.Pi*(tile+thickness)/turn; i++ {
		theta := float64(i) * step
		if !wanted(height(k, theta+step/2)) {
			drawing = false
			continue
		}
		if !drawing {
			p := strand(k, theta-step/4)
			fmt.Fprintf(&d, "M%.1f %.1f", p.x, p.y)
		}
		p := strand(k, theta+step*5/4)
		fmt.Fprintf(&d, "L%.1f %.1f", p.x, p.y)
		drawing = true
	}
	return d.String()
}

// logoPNG draws the tile with 4×4 samples a pixel, in some 20 ms.
func logoPNG(size int) *image.NRGBA {
	const n = 4
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for py := range size {
		for px := range size {
			var r, g, b, a int
			for s := range n * n {
				c := sample(tile*(float64(px)+(float64(s%n)+0.5)/n)/float64(size), tile*(float64(py)+(float64(s/n)+0.5)/n)/float64(size))
				r, g, b, a = r+int(c.R)*int(c.A), g+int(c.G)*int(c.A), b+int(c.B)*int(c.A), a+int(c.A)
			}
			if a > 0 {
				img.SetNRGBA(px, py, color.NRGBA{uint8(r / a), uint8(g / a), uint8(b / a), uint8(a / (n * n))})
			}
		}
	}
	return img
}

// sample is the colour of the drawing at one point.
func sample(x, y float64) color.NRGBA {
	dx := math.Max(math.Abs(x-tile/2)-(tile/2-corner), 0)
	dy := math.Max(math.Abs(y-tile/2)-(tile/2-corner), 0)
	if math.Hypot(dx, dy) > corner {
		return color.NRGBA{}
	}
	c, top := background, math.Inf(-1)
	for k := range strands {
		d, z := nearest(k, x, y)
		switch {
		case z < top || d > thickness/2+gap:
		case d <= thickness/2:
			c, top = strands[k], z
		case z > clear:
			c, top = background, z
		}
	}
	return c
}

// drawn is a point of a strand with its height.
type drawn struct {
	point
	z float64
}

// Strands are looked up in a table, with a point each thetaStep; a point
// belongs to no pixel more than window points away.
const (
	thetaStep = 0.05
	window    = 24
)

var table = sync.OnceValue(func() (t [3][]drawn) {
	for k := range t {
		for i := -window; float64(i-window)*thetaStep < tile/turn*2*math.Pi; i++ {
			theta := float64(i) * thetaStep
			t[k] = append(t[k], drawn{strand(k, theta), height(k, theta)})
		}
	}
	return t
})

// nearest is the distance from (x, y) to strand k, and the strand's height there.
func nearest(k int, x, y float64) (distance, z float64) {
	middle := int(y / turn * 2 * math.Pi / thetaStep) // its place in the table without what is above the tile
	square := math.Inf(1)
	for _, p := range table()[k][middle : middle+2*window] {
		if d := (p.x-x)*(p.x-x) + (p.y-y)*(p.y-y); d < square {
			square, z = d, p.z
		}
	}
	return math.Sqrt(square), z
}
