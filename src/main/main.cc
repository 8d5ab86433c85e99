#include <cstdio>

int main() {
  std::puts("rivulet " RIVULET_VERSION);
  return 0;
}
