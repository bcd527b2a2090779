/* Q-learning on MountainCar-v0 as one would write it in plain C: the measure for qsweep's compiled loop.
   Same arithmetic in the same order, same random draws, so the same table, bit for bit. */

#include <math.h>
#include <stdint.h>

static double uniform(uint64_t key, uint64_t number)
{
    uint64_t z = key + number * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    return (double)(z >> 11) * 0x1p-53;
}

static int bucket(double x, double low, double scale, int buckets)
{
    double place = (x - low) * scale;
    if (place >= buckets)
        return buckets - 1;
    return place < 0.0 ? 0 : (int)place;
}

static int greedy(const double *row)
{
    int best = row[1] > row[0];
    return row[2] > row[best] ? 2 : best;
}

static int choose(const double *row, uint64_t key, uint64_t number, double epsilon)
{
    double u = uniform(key, number);
    if (u < epsilon) {
        int a = (int)(u * (3 / epsilon));
        return a < 2 ? a : 2;
    }
    return greedy(row);
}

/* Train `episodes` episodes under the tutorial's terminal rule; returns the number of steps.
   positions, epsilons: one for each episode. q: buckets x buckets x 3, learned in place. low, scale: of
   position and velocity. */
int64_t train(int64_t episodes, const double *positions, const double *epsilons, double alpha, double gamma,
              uint64_t key, int buckets, const double *low, const double *scale, int max_steps, double *q)
{
    int64_t steps = 0;
    uint64_t draws = 0;
    for (int64_t episode = 0; episode < episodes; episode++) {
        double position = positions[episode], velocity = 0.0, epsilon = epsilons[episode];
        double *row = q + 3 * (bucket((float)position, low[0], scale[0], buckets) * buckets +
                               bucket((float)velocity, low[1], scale[1], buckets));
        int a = choose(row, key, draws++, epsilon);
        for (int step = 1;; step++) {
            velocity += (a - 1) * 0.001 + cos(3 * position) * (-0.0025);
            velocity = velocity < -0.07 ? -0.07 : velocity > 0.07 ? 0.07 : velocity;
            position += velocity;
            position = position < -1.2 ? -1.2 : position > 0.6 ? 0.6 : position;
            if (position == -1.2 && velocity < 0)
                velocity = 0.0;
            steps++;
            if (position >= 0.5 && velocity >= 0) {
                row[a] = 0.0;
                break;
            }
            if (step >= max_steps)
                break;
            double *next = q + 3 * (bucket((float)position, low[0], scale[0], buckets) * buckets +
                                    bucket((float)velocity, low[1], scale[1], buckets));
            double highest = next[greedy(next)];
            row[a] += alpha * (-1.0 + gamma * highest - row[a]);
            row = next;
            a = choose(row, key, draws++, epsilon);
        }
    }
    return steps;
}
