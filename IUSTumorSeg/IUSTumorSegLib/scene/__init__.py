"""Images, transforms, labels and views as MRML: the same code in the Slicer application and off-screen in slicer-core.

`nodes` and `display` bring volumes and labels into a scene and make them look right; `cases` says which nodes belong
together, `registration_nodes` applies a registration to them, `job_files` hands them to a child process. `layout`,
`planes` and `comparison` show ultrasound against MRI, `offscreen` draws the same views into pictures, `scene_files`
saves the scene, and `logic` is what the Slicer module offers. `review` shows the cases of a study one after another:
`study_cases` makes their nodes, `shown_case` brings in what is laid over them (`overlay_images`, `overlay_lines`,
`three_d`), `linking` has the views move together; `scene_study` takes pairs registered in the scene out of it as such
cases. The scene is always an argument; no Qt.
"""
