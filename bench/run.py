from bench.ranking import *  # moved
