"""Who was active when: the role history of a cluster group, from claims that contradict each other."""
