#include "app/programs.h"

int main(int argc, char** argv) { return sextant::app::RunMain({argv, argv + argc}); }
