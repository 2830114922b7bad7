"""The page checker: looks at pages as people do, in every language, and at their weight. Loopback only."""
