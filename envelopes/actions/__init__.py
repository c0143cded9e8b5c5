"""One coroutine per verb. The file is the one in the table's column `by`; what everything becomes is one action."""
