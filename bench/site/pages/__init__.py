"""The pages, a module a kind: each has `pages(site)`, which yields them."""
