"""The provider measured beside others doing the same work; `bench/README.md` tells how, and what was found."""
