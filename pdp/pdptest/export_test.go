package pdptest

// WantNames are all members that `want` may have.
var WantNames = wantNames
