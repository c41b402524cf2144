// Virtual calls, templates, lambdas, containers and a thread: names that must be demangled.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace geometry {
struct Shape {
  virtual double area() const = 0;
  virtual ~Shape() = default;
};
struct Square : Shape {
  double side;
  explicit Square(double side) : side(side) {}
  double area() const override {
    double sum = 0;
    for (int i = 1; i < 30; i++) sum += side * side / i;
    return sum;
  }
};
template <class T> __attribute__((noinline)) double total(const std::vector<std::unique_ptr<T>> &shapes) {
  double sum = 0;
  for (const auto &shape : shapes) sum += shape->area();
  return sum;
}
}  // namespace geometry

__attribute__((noinline)) static std::size_t count_words(std::map<std::string, int> &words) {
  for (int i = 0; i < 2000; i++) words["word" + std::to_string(i * 7919 % 500)]++;
  return words.size();
}

static double work(double seconds) {
  std::vector<std::unique_ptr<geometry::Shape>> shapes;
  for (int i = 0; i < 2000; i++) shapes.push_back(std::make_unique<geometry::Square>(i));
  std::map<std::string, int> words;
  double sum = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    sum += geometry::total(shapes) + static_cast<double>(count_words(words));
    std::vector<int> numbers(5000);
    for (int i = 0; i < 5000; i++) numbers[i] = i * 7919 % 5003;
    std::sort(numbers.begin(), numbers.end(), [](int a, int b) { return a > b; });
    sum += numbers[7];
  }
  return sum;
}

int main(int argc, char **argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  double other = 0;
  std::thread thread([&] { other = work(seconds); });
  const double mine = work(seconds);
  thread.join();
  std::printf("%f\n", mine + other);
}
