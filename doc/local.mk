# doc/

EXTRA_DIST += %D%/wire-protocol.md
