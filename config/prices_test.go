package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withPrices writes a file of prices beside a configuration of one pool, whose price is given, and parses the latter.
func withPrices(t *testing.T, prices, price string) (c *Config, dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	if err = os.WriteFile(filepath.Join(dir, "p.csv"), []byte(prices), 0o600); err != nil {
		t.Fatal(err)
	}
	text := minimal + "    price: " + price + "\nprice_file: p.csv\n"
	c, err = Parse(filepath.Join(dir, "f.yml"), []byte(text), testChecks)
	return c, dir + string(filepath.Separator), err
}

const twoTypes = "type,hourly,committed_ratio,interruptions_per_hour\n# on demand\nm-16,0.77,0.6,\nspot,0.23,,0.05\n"

func TestPricesOfTypes(t *testing.T) {
	f := func(prices, price string, want Price) {
		t.Helper()
		c, _, err := withPrices(t, prices, price)
		if err != nil {
			t.Error(err)
			return
		}
		if diff := cmp.Diff(want, c.Fleets[0].Pools[0].Price); diff != "" {
			t.Errorf("price %s (-want +got):\n%s", price, diff)
		}
	}
	f(twoTypes, "{type: m-16}", Price{Hourly: 0.77, Type: "m-16", Commitment: &Commitment{Ratio: 0.6}})
	f(twoTypes, "{type: m-16, commitment: {instances: 3}}", Price{Hourly: 0.77, Type: "m-16", Commitment: &Commitment{Ratio: 0.6, Instances: 3}})
	f(twoTypes, "{type: m-16, hourly: 0.5, commitment: {ratio: 0.7}}", Price{Hourly: 0.5, Type: "m-16", Commitment: &Commitment{Ratio: 0.7}})
	f(twoTypes, "{type: spot}", Price{Hourly: 0.23, Type: "spot", InterruptionsPerHour: 0.05})
	f(twoTypes, "{type: spot, interruptions_per_hour: 0}", Price{Hourly: 0.23, Type: "spot"})
	f(twoTypes, "{}", Price{})
	f("\ufeffhourly,type\r\n1,a b\r\n", "{type: a b}", Price{Hourly: 1, Type: "a b"})
	if c := mustParse(t, minimal); c.PriceFile != "" {
		t.Errorf("price file %q where the file has none", c.PriceFile)
	}
}

func TestPricesOfTypesInsideAPool(t *testing.T) {
	data, err := os.ReadFile("testdata/economy.yml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("f.yml", data, testChecks)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Fleets[0].Pools[1].Types[0].Price; got.Hourly != 0.23 || got.InterruptionsPerHour != 0.05 {
		t.Errorf("price of a type = %+v, want that of m-16-spot", got)
	}
	if p := c.Fleets[0].Policy; p.Probability != 0 || p.Cost.Shortage != 3 {
		t.Errorf("policy = %+v, want no probability beside a cost", p)
	}
	if got := c.Fleets[0].Pools[1].Shape.Memory; got != 64<<30 {
		t.Errorf("memory = %v, want 64 GiB", got)
	}
}

func TestPriceFileErrors(t *testing.T) {
	f := func(prices, price string, want ...string) {
		t.Helper()
		_, dir, err := withPrices(t, prices, price)
		if err == nil {
			t.Errorf("accepted: %q with %s", prices, price)
			return
		}
		got := strings.ReplaceAll(err.Error(), dir, "")
		if diff := cmp.Diff(want, strings.Split(got, "\n")); diff != "" {
			t.Errorf("%q with %s (-want +got):\n%s", prices, price, diff)
		}
	}
	f(twoTypes, "{type: m-17}", `f.yml:11: fleets[0].pools[0].price.type: "m-17" has no row in p.csv; allowed: m-16, spot`)
	f("type,hourly\nm,-1\n", "{type: m}", `p.csv:2:3: hourly: "-1" is not allowed; allowed: a number, more than 0`)
	f("type,hourly\nm,0\n", "{}", `p.csv:2:3: hourly: "0" is not allowed; allowed: a number, more than 0`)
	f("type,hourly\nm,NaN\nn,\no,1e999\n", "{}", `p.csv:2:3: hourly: "NaN" is not allowed; allowed: a number, more than 0`,
		`p.csv:3:3: hourly: "" is not allowed; allowed: a number, more than 0`, `p.csv:4:3: hourly: "1e999" is not allowed; allowed: a number, more than 0`)
	f("type,hourly,committed_ratio\nm,1,1\n", "{}", `p.csv:2:5: committed_ratio: "1" is not allowed; allowed: a number, more than 0 and less than 1, or nothing`)
	f("type,hourly,interruptions_per_hour\nm,1,-2\n", "{}", `p.csv:2:5: interruptions_per_hour: "-2" is not allowed; allowed: a number, 0 or more, or nothing`)
	f("type,hourly\nm,1\n,2\nm,3\n", "{}", "p.csv:3:1: type: is empty; allowed: the name of a type of instance", `p.csv:4:1: type: "m" is in line 2 already; allowed: each type once`)
	f("type,hourly\nm,1,2\n", "{}", "p.csv:2:1: row: wrong number of fields; allowed: as many cells in each row as the header has")
	f("type,price\n", "{}", `p.csv:1:6: header: unknown column "price"; allowed: type, hourly, committed_ratio, interruptions_per_hour`,
		"p.csv:1:1: header: the column hourly is missing; allowed: type, hourly, committed_ratio, interruptions_per_hour")
	f("type,hourly,type\n", "{}", "p.csv:1:13: header: the column type comes twice; allowed: each once")
	f("", "{}", "p.csv:1:1: header: the file is empty; allowed: type, hourly, committed_ratio, interruptions_per_hour")
	f("type,hourly\nm,-1\n", "{hourly: -1}", "f.yml:11: fleets[0].pools[0].price.hourly: -1 is negative; allowed: 0 or more",
		`p.csv:2:3: hourly: "-1" is not allowed; allowed: a number, more than 0`)
	wantErrors(t, minimal+"    price: {type: m}\n", "f.yml:11: fleets[0].pools[0].price.type: there is no file of prices; allowed: with the key price_file")
	wantErrors(t, minimal+"price_file: testdata/none.csv\n", "f.yml:11: price_file: \"testdata/none.csv\": no such file or directory; "+
		"allowed: a CSV file with the columns type, hourly, committed_ratio, interruptions_per_hour")
	wantErrors(t, minimal+"price_file: testdata\n", "f.yml:11: price_file: \"testdata\" is not a file; "+
		"allowed: a CSV file with the columns type, hourly, committed_ratio, interruptions_per_hour")
}

// What a file of prices says is a part of the configuration: replicas with other prices have another hash.
func TestPricesChangeTheHash(t *testing.T) {
	a, _, errA := withPrices(t, "type,hourly\nm,1\n", "{type: m}")
	b, _, errB := withPrices(t, "type,hourly\nm,2\n", "{type: m}")
	if errA != nil || errB != nil || a.hash == b.hash {
		t.Errorf("hashes %x and %x, errors %v and %v", a.hash, b.hash, errA, errB)
	}
}

func TestParseBytes(t *testing.T) {
	f := func(text string, want float64, wantOK bool) {
		t.Helper()
		if got, ok := ParseBytes(text); ok != wantOK || ok && got != want {
			t.Errorf("ParseBytes(%q) = %v, %t, want %v, %t", text, got, ok, want, wantOK)
		}
	}
	f("64GiB", 64<<30, true)
	f("1.5Gi", 1.5*(1<<30), true)
	f("8 TiB", 8<<40, true)
	f("500MB", 5e8, true)
	f("123", 123, true)
	f("2e9", 2e9, true)
	f("-1GiB", -1<<30, true) // refused where it is used
	f("GiB", 0, false)
	f("", 0, false)
	f("64 gigs", 0, false)
	f("Inf", 0, false)
	f("NaN", 0, false)
	f("1e308TB", 0, false)
}
