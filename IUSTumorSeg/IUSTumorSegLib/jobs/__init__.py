"""Long tasks in a child process: a request goes in, progress comes out line by line, and Cancel ends all of it.

`tasks` names what can be run; `python -m IUSTumorSegLib.jobs REQUEST.json` runs one of them with nothing but what the
task itself needs; `child_process` starts such a command in a group of its own, reads its progress, and ends it;
`progress` is the one way in which long work says where it is.
"""
