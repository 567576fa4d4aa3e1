"""The terminal's commands: thin wrappers that read arguments, run a task and print what came of it."""
