package main

import (
	"errors"
	"io/fs"
	"os"
)

// readText reads a text that the user names.
func readText(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return text, nil
}

// unreadable is the error of a path that the user names and that cannot be read, which names it once.
func unreadable(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return usagef("%s: %w", path, err)
}
