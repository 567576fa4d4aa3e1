"""The Qt parts that the two Slicer modules are wired from.

`JobPanel` runs one task in a child process and shows its progress, its log and how it ended. `ComparisonPanel` lays out
the views and shows ultrasound against MRI. `VerdictPanel` says what the software thinks of a registration, `CaseTable`
lists the scene's cases, `enable_or_say_why` keeps every button's tool tip true. `ReviewPanel` is the review of a study:
`StudyPanel` lists its cases, `QueueWalk` goes from one to the next, which `CaseLoader` reads ahead, `CaseOnScreen` shows
it, `VerdictGiver` writes what the person says of it, and `ReviewKeys` are the keys for all that. `AdjustmentPanel` and
`CorrectionPanel` change a case's registration and its label. Nothing here computes.
"""
