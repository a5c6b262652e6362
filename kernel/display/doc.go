// Package display turns values into MIME bundles, and is what cells import
// (as "braid/display") to show more than text.
//
// The value of a cell's final expression, and every value given to Show, is
// displayed by the shape of its methods, looked for in this order:
//
//	MIMEBundle() map[string]any      the whole bundle, MIME type → content
//	HTML() string                    text/html
//	SVG() string                     image/svg+xml
//	Markdown() string                text/markdown
//	LaTeX() string                   text/latex
//	PNG() []byte, JPEG() []byte      image/png, image/jpeg
//	image.Image                      image/png
//	slices, arrays and maps of structs: a table, as text and as HTML
//
// Every bundle also has text/plain: Error() or String() where the value has
// it, else the value as fmt's %+v writes it, cut at a length that a front end
// can show. A method that panics shows its panic in place of its output.
//
// Functions that show something take effect at once, in order with the text
// that the cell printed before. Called from a goroutine that outlives its cell
// they go to the cell that started the goroutine.
package display
