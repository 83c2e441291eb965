//go:build !unix

package cli

import "os"

// terminalWidth knows no terminals here.
func terminalWidth(*os.File) int { return 0 }
