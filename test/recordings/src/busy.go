// Goroutines, methods, closures, generics, maps and the garbage collector.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

type tree[T any] struct {
	left, right *tree[T]
	value       T
}

//go:noinline
func (t *tree[T]) depth() int {
	if t == nil {
		return 0
	}
	return 1 + max2(t.left.depth(), t.right.depth())
}

//go:noinline
func max2(a, b int) int {
	if a > b {
		return a
	}
	return b
}

//go:noinline
func grow(depth int) *tree[int] {
	if depth == 0 {
		return nil
	}
	return &tree[int]{grow(depth - 1), grow(depth - 1), depth}
}

//go:noinline
func countWords(words map[string]int) int {
	for i := 0; i < 2000; i++ {
		words["word"+strconv.Itoa(i*7919%500)]++
	}
	return len(words)
}

func main() {
	seconds, _ := strconv.ParseFloat(os.Args[1], 64)
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	sums := make(chan int)
	for i := 0; i < 2; i++ {
		go func() {
			sum, words := 0, map[string]int{}
			for time.Now().Before(end) {
				sum += grow(12).depth() + countWords(words)
			}
			sums <- sum
		}()
	}
	fmt.Println(<-sums + <-sums)
}
