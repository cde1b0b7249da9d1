# SPDX-License-Identifier: MIT
# Ghostscript: pages drawn from a program, as text, as pixels and as PDF and back.
. "$SCRIPTS/common.sh"
need gs sha256sum
cat >page.ps <<'EOF'
%!PS
/draw {
	/n exch def
	/Helvetica findfont 9 scalefont setfont
	0 1 45 { /y exch def 40 y 15 mul 60 add moveto
		(page ) show n 10 string cvs show ( line ) show y 10 string cvs show
		0 1 12 { y mul n add 77 mod 10 string cvs show ( ) show } for } for
	0 3 360 { gsave 300 400 translate rotate n 255 div 0.5 0.2 setrgbcolor
		0 0 moveto 100 20 200 n 2 mod 50 mul 250 0 curveto closepath fill grestore } for
	showpage
} def
1 1 count { pop } for
1 1 PAGES { draw } for
EOF
pages=$(pick 6 60)
sed "s/PAGES/$pages/" page.ps >pages.ps
render() {
	gs -q -dNOPAUSE -dBATCH -dSAFER "$@"
}
render -sDEVICE=txtwrite -sOutputFile=text pages.ps
render -sDEVICE=ppmraw -r40 -sOutputFile=pixels-%d.ppm pages.ps
render -sDEVICE=pdfwrite -sOutputFile=pages.pdf pages.ps
render -sDEVICE=txtwrite -sOutputFile=text-again pages.pdf
render -sDEVICE=pgmraw -r30 -sOutputFile=grey-%d.pgm pages.pdf
sha256sum text text-again pixels-*.ppm grey-*.pgm
