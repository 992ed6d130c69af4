# SPDX-License-Identifier: Apache-2.0
# C with its comments removed and its strings and character constants emptied, line for line; #include lines keep
# their names. Raw strings and trigraphs are not C that we write.
{
	line = $0; out = ""; i = 1; n = length(line)
	if (!comment && line ~ /^[ \t]*#[ \t]*include/) { sub(/[ \t]*\/[*\/].*/, "", line); print line; next }
	while (i <= n) {
		c = substr(line, i, 1); two = substr(line, i, 2)
		if (comment) {
			if (two == "*/") { comment = 0; i += 2; out = out " " } else i++
		} else if (quote != "") {
			if (c == "\\") i += 2
			else { if (c == quote) { quote = ""; out = out c } i++ }
		} else if (two == "/*") { comment = 1; i += 2 }
		else if (two == "//") break
		else {
			if (c == "\"" || c == "'") quote = c
			out = out c; i++
		}
	}
	if (quote != "" && substr(line, n, 1) != "\\") quote = ""
	sub(/[ \t]+$/, "", out)
	print out
}
