module braid

go 1.26
