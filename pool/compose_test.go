package pool_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func onDemand(price float64) pool.Pool {
	return pool.Pool{Name: "on-demand", Class: pool.Fixed, Capacity: 10, LeadTime: 6 * time.Minute, Price: pool.Price{Hourly: price}}
}

func spot(name string, price, hazard float64) pool.Pool {
	return pool.Pool{
		Name: name, Class: pool.Variable, Capacity: 10, LeadTime: 6 * time.Minute,
		Price: pool.Price{Hourly: price, InterruptionsPerHour: hazard, Restart: 30 * time.Minute},
	}
}

func TestFillByCost(t *testing.T) {
	f := func(demand float64, pools []pool.Pool, want ...int) {
		t.Helper()
		if got, unmet := pool.Fill(pools, demand); !slices.Equal(got, want) || unmet != 0 {
			t.Errorf("a demand of %v is served by %v and %v is not, want %v", demand, got, unmet, want)
		}
	}
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.5, 0.1)}, 0, 10)
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.999, 0.1)}, 10, 0)  // 0.999 and a twentieth of it for restarts
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.5, 3600)}, 10, 0)   // taken away all the time
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.5, 1.99)}, 0, 10)   // 0.5 + 1.99 x 0.25 = 0.9975
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.5, 2.01)}, 10, 0)   // and 1.0025
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.5, 0)}, 10, 0)      // nothing says what is paid anyway: fixed first
	f(100, []pool.Pool{onDemand(0), spot("spot", 0.5, 0.1)}, 10, 0)    // a price that is unknown
	f(100, []pool.Pool{onDemand(1), spot("spot", 1/1.05, 0.1)}, 10, 0) // of one price: fixed first
	shortage := spot("spot", 0.5, 0.1)
	shortage.Risk.Shortage = 4 // + 0.1 x 4 x 10 x 0.1 = 0.4
	f(100, []pool.Pool{onDemand(1), shortage}, 0, 10)
	shortage.Risk.Shortage = 5 // + 0.5
	f(100, []pool.Pool{onDemand(1), shortage}, 10, 0)
	headroom := spot("spot", 0.9, 2)
	headroom.Price.Restart = 0
	f(100, []pool.Pool{onDemand(1), headroom}, 0, 10)
	headroom.Risk.Probability = 0.99
	f(100, []pool.Pool{onDemand(1), headroom}, 10, 0) // 0.9 for what is left of an instance, exp(-0.2)
	committed := onDemand(1)
	committed.Price.Commitment = pool.Commitment{Ratio: 0.6, Instances: 4}
	f(100, []pool.Pool{committed, spot("spot", 0.3, 0.1)}, 4, 6)
	f(30, []pool.Pool{committed, spot("spot", 0.3, 0.1)}, 3, 0)
	few := spot("spot", 0.3, 0.1)
	few.Max = 5
	f(100, []pool.Pool{committed, few}, 5, 5)
	large := spot("large", 0.9, 0.1)
	large.Capacity = 30 // 0.03 and a twentieth of it for each unit
	f(100, []pool.Pool{onDemand(1), spot("spot", 0.4, 0.1), large}, 0, 0, 4)
}

func TestFillKeepsHeadroom(t *testing.T) {
	f := func(demand, hazard, probability float64, limit int) {
		t.Helper()
		s := spot("spot", 0.3, hazard)
		s.Risk.Probability, s.Max = probability, limit
		od := onDemand(1)
		got, _ := pool.Fill([]pool.Pool{od, s}, demand)
		survival := math.Exp(-hazard * 0.1)
		need := int(math.Ceil(demand/10)) - got[0]
		want, err := pool.Headroom(need, survival, probability)
		if err != nil || got[1] != want && got[1] != limit || binomial(got[1], need, survival) < probability {
			t.Errorf("of a demand of %v, %d interruptible instances serve %d, want %d, %v", demand, got[1], need, want, err)
		}
		if limit > 0 && got[0] > 0 && binomial(got[1], need+1, survival) >= probability {
			t.Errorf("%d interruptible instances serve only %d of a demand of %v", got[1], need, demand)
		}
	}
	f(100, 0.3, 0.99, 0)
	f(1000, 0.3, 0.99, 0)
	f(1000, 1, 0.9, 0)
	f(10, 0.1, 0.999, 0)
	f(1000, 0.3, 0.99, 60)
	f(105, 0.3, 0.99, 3)
	s := spot("spot", 0.3, 0.3)
	s.Risk.Probability, s.Max = 0.99, 12
	if got, unmet := pool.Fill([]pool.Pool{s}, 120); got[0] != 12 || unmet != 0 {
		t.Errorf("%v with %v left over: head-room is given up before demand is left over", got, unmet)
	}
	if got, unmet := pool.Fill([]pool.Pool{s}, 130); got[0] != 12 || math.Abs(unmet-10) > 1e-9 {
		t.Errorf("%v with %v left over, want 10", got, unmet)
	}
}

func TestFillOutlivesADomain(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 4))
	spread := 0
	for range 500 {
		od := onDemand(1)
		od.Max = r.IntN(3) * r.IntN(20)
		pools := []pool.Pool{od}
		for i := range 2 + r.IntN(4) {
			s := spot(fmt.Sprint("spot", i), 0.05+0.2*r.Float64(), 0.05)
			s.Risk.Probability, s.Domain, s.Max = 0.99, fmt.Sprint("zone", r.IntN(4)), r.IntN(2)*(5+r.IntN(60))
			pools = append(pools, s)
		}
		d := 100 * r.ExpFloat64()
		counts, _ := pool.Fill(pools, d)
		domains, bounded := map[string]float64{}, od.Max > 0
		for i, p := range pools[1:] {
			domains[p.Domain] += float64(counts[1+i]) * p.Capacity
			bounded = bounded || p.Max > 0
		}
		var total float64
		for i, p := range pools {
			total += float64(counts[i]) * p.Capacity
		}
		for domain, serves := range domains {
			if total-serves < d-1e-6 && !bounded {
				t.Fatalf("without %s %v serve %v of %v\n%+v", domain, counts, total-serves, d, pools)
			}
		}
		if len(domains) > 1 && counts[0] == 0 && d > 50 {
			spread++
		}
	}
	if spread < 50 {
		t.Errorf("only %d of 500 demands are spread over domains", spread)
	}
}
