package plot

import (
	"fmt"
	"strings"
)

// colours are those of the inks, on light and on dark ground. Each has a contrast of at least 4.5 to 1 to its ground.
var colours = [inks]struct{ light, dark string }{
	Came:   {"#171a26", "#eceef5"},
	Said:   {"#4338ca", "#a5b4fc"},
	Teal:   {"#0f766e", "#5eead4"},
	Amber:  {"#b45309", "#fbbf24"},
	Rose:   {"#be123c", "#fda4af"},
	Sky:    {"#0369a1", "#7dd3fc"},
	Violet: {"#7e22ce", "#d8b4fe"},
	Grey:   {"#6b7280", "#9ca3af"},
}

// CSS is the style sheet of all pictures. Its rules concern nothing outside of them.
func CSS() string {
	var light, dark strings.Builder
	for i, c := range colours {
		fmt.Fprintf(&light, "--plot-%d:%s;", i, c.light)
		fmt.Fprintf(&dark, "--plot-%d:%s;", i, c.dark)
	}
	light.WriteString("--plot-ground:#fff;--plot-soft:#565d73;--plot-rule:#e0e3ec;")
	dark.WriteString("--plot-ground:#191c27;--plot-soft:#a5abbd;--plot-rule:#2d3242;")
	var b strings.Builder
	fmt.Fprintf(&b, ".plot{%sfont:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif;display:block;width:100%%;height:auto}\n", light.String())
	fmt.Fprintf(&b, "@media screen and (prefers-color-scheme:dark){.plot{%s}}\n", dark.String())
	b.WriteString(`.plot text{fill:var(--plot-soft)}
.plot .title{font-size:14px;font-weight:600;fill:var(--plot-0)}
.plot .ground{fill:var(--plot-ground)}
.plot .grid{stroke:var(--plot-rule)}
.plot .end{text-anchor:end}
.plot .mid{text-anchor:middle}
.plot .line{fill:none;stroke-linejoin:round}
.plot .dashed{stroke-dasharray:5 4}
.plot .band{stroke:none;fill-opacity:.18}
.plot .strong{fill-opacity:.38}
`)
	for i := range colours {
		fmt.Fprintf(&b, ".plot .line.i%d{stroke:var(--plot-%d)}.plot .fill.i%d{fill:var(--plot-%d)}\n", i, i, i, i)
	}
	return b.String()
}

// Standalone puts the style sheet and a ground into a picture, so that it can be a file of its own.
func Standalone(svg string) string {
	at := strings.Index(svg, ">") + 1
	return svg[:at] + "<style>" + CSS() + "</style><rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"8\"/>" + svg[at:]
}
