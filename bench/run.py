from bench.ranking import *  # moved
from bench.ranking import Ranking, Run, rank
