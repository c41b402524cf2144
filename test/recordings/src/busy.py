# A generator, sorting with a key, a dictionary.
import sys
import time


def squares(count):
    return (number * number for number in range(count))


def work():
    words = {}
    for number in range(5000):
        word = "word%d" % (number * 7919 % 500)
        words[word] = words.get(word, 0) + 1
    return sum(squares(5000)) + sorted(range(5000), key=lambda number: -number)[7] + len(words)


end = time.monotonic() + float(sys.argv[1])
total = 0
while time.monotonic() < end:
    total += work()
print(total)
