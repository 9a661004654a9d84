// Package nearest finds what a misspelt name may have meant.
package nearest

import (
	"fmt"
	"strings"
)

// Name returns the known name that the fewest insertions, deletions and replacements of letters, in either case, turn
// name into, the first of several; "" where even that takes more than a third of name's letters, rounded up, or all.
// (Levenshtein's distance by Wagner and Fischer's table.)
func Name(name string, known []string) string {
	best, least := "", min((len(name)+2)/3, len(name)-1)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// Hint returns "; did you mean NAME?" with the Name, or nothing.
func Hint(name string, known []string) string {
	if k := Name(name, known); k != "" {
		return fmt.Sprintf("; did you mean %s?", k)
	}
	return ""
}

// distance counts the changes, a row of the table at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
