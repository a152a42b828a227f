# make run    set up what is missing, start the whole system in the foreground; Ctrl-C stops it
# make test   set up everything, run all tests
.PHONY: run setup test lint
.DEFAULT_GOAL := run

run: setup
	@exec .venv/bin/ivr run

setup:
	@scripts/setup run

test:
	@scripts/setup test
	@scripts/test

lint:
	@scripts/setup test
	@scripts/lint
