// Package folder reads realms and their policies from a directory, and keeps a
// store that follows it.
//
// It owns the layout of the directory, what its files may hold, and the rule that
// a state is taken only when all of it can be read and compiled. What an item
// means belongs to pdp, how a single file is read to internal/document.
//
// # Layout
//
//	DIR/REALM.yaml     the whole realm: settings, profiles, policies
//	DIR/REALM/….yaml   parts of a realm, at any depth
//
// Files are YAML or JSON (.yaml, .yml, .json). In names, characters that a file
// name cannot hold, and a dot in front, are percent-encoded. A part holds a set
// (profiles, policies, or both; Keycloak's client profile and client policy
// documents are such sets), one profile or one policy. Settings stand in one part
// at most. Items are in the order of their files' paths, compared byte by byte,
// and within a file in its order.
//
// # Design
//
// The directory is looked at now and then: what is there, how large, and when it
// was changed. A change is read when it has settled, that is when two looks in a
// row find the same, and is taken when what was read is still what is there: so
// neither the parts of a Kubernetes volume that is being swapped nor a file that is
// half written get in. Each realm that differs is one commit to a store in memory,
// by author and through surface "folder"; its comment names the files.
//
// # What it refuses
//
// Everything that could be a policy which goes unnoticed: files and members of
// unknown names, items given twice, a realm without files, a directory without
// realms; links that lead out of the directory; more than 16 MiB a realm, 10,000
// files and directories, or a depth of 64. All problems are told at once, with
// `file:line:column`. Whoever commits gets [ErrReadOnly].
//
// # Caveats
//
// History lives in memory: after a restart revisions count from 1 again. A change
// that leaves name, size and time of a file as they were goes unnoticed.
package folder
