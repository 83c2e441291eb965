//go:build !unix

package main

import "os"

// terminal knows no terminals here: commands want --yes.
func terminal(*os.File) bool { return false }
