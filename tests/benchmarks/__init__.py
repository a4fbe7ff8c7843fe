"""Measurements that anyone can run: each file is a program."""
