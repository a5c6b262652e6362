def squares(n):
    for i in range(n):
        yield i * i

for v in squares(4):
    print(v)
print(list(squares(5)), sum(squares(6)))
