package forecast

import (
	"context"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// Pooler is implemented by a Method that can learn from many series at once. Pool returns the method that knows what ys have in common;
// its Fit then needs less history. The series share a step; they may be of different lengths, units and times. Pool keeps no reference
// to them, and where they hold too little it returns the method as it is. The order of ys does not change the result.
type Pooler interface {
	Method
	Pool(ctx context.Context, ys []series.Series) (Method, error)
}

// Keeper is implemented by a Method whose models can be kept over a restart. A model of it implements encoding.BinaryMarshaler, and
// Restore turns what that wrote into a model that forecasts and updates to the last bit as the written one does. Restore refuses, with
// an error, what was written by a method with other settings or by another version.
type Keeper interface {
	Method
	Restore(state []byte) (Model, error)
}

// Informed is implemented by a Method that can use other series beside the demand: leading indicators, of which only the past is
// known. Each x is on y's grid and of y's length, NaN where missing. The Model returned is an InformedModel that expects as many.
type Informed interface {
	Method
	FitWith(ctx context.Context, y series.Series, x []series.Series) (Model, error)
}

// InformedModel is a Model that is told the leading indicators together with each observation. Update stands for an UpdateWith whose
// indicators are all missing.
type InformedModel interface {
	Model
	UpdateWith(y float64, x []float64)
}

// Calendar knows what is special about a time, in the past and in the future alike: holidays and events. It is immutable.
type Calendar interface {
	// Occasions returns the names of what the calendar knows, in a fixed order: "Christmas Day", "event:spring sale".
	Occasions() []string
	// On returns the indices into Occasions of what is on at t; none on most days.
	On(t time.Time) []int
	// Location returns the time zone that people keep, in which a day begins at midnight and the clocks may change.
	Location() *time.Location
}

// TwiceFitter is implemented by a Method that fits a history and its beginning together for little more than the cost of one. FitTwice
// returns the models of y[:cut] and of y. They are those of Fit but for the scale, the features and the choice of rows, which both share
// and which follow from y[:cut] and from the length of y: no observation after the cut changes the first one.
type TwiceFitter interface {
	Method
	FitTwice(ctx context.Context, y series.Series, cut int) (before, all Model, err error)
}
