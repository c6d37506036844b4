using Amqp.Core;
using Amqp.Core.Metrics;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>Which samples of the past a request wants beside the numbers of now.</summary>
/// <param name="Lengths">Of lengths of queues [<c>lengths_age</c>, <c>lengths_incr</c>].</param>
/// <param name="MsgRates">Of counted messages [<c>msg_rates_age</c>, <c>msg_rates_incr</c>].</param>
/// <param name="DataRates">Of counted bytes [<c>data_rates_age</c>, <c>data_rates_incr</c>].</param>
internal sealed record Past(SampleRange? Lengths, SampleRange? MsgRates, SampleRange? DataRates)
{
    /// <summary>None.</summary>
    public static readonly Past None = new(null, null, null);

    /// <summary>Samples in a range, at most; RabbitMQ's.</summary>
    private const int SamplesMax = 500;

    /// <summary>Of the query.</summary>
    /// <exception cref="BadRequestException">There is no such range.</exception>
    public static ValueTask<Past> BindAsync(HttpContext context) => ValueTask.FromResult(
        new Past(RangeIn(context.Request.Query, "lengths"), RangeIn(context.Request.Query, "msg_rates"), RangeIn(context.Request.Query, "data_rates")));

    /// <summary>A number's rate, as RabbitMQ has it beside the number, and its samples, if they are wanted and this node has them.</summary>
    /// <param name="measures">Of which the sum is shown.</param>
    public static object Details(IReading? reading, SampleRange? range, params ReadOnlySpan<Measure> measures)
    {
        var rate = 0.0;
        foreach (var measure in measures) rate += reading?.Rate(measure) ?? 0;
        rate = Math.Round(rate, 1);
        return range is null || reading is not Meter meter ? new { rate } : WithSamples(rate, SumOf(meter, range, measures));
    }

    /// <summary>All measures of a meter have samples of the same times.</summary>
    private static List<Sample> SumOf(Meter meter, SampleRange range, ReadOnlySpan<Measure> measures)
    {
        var sums = meter.Samples(measures[0], range);
        foreach (var measure in measures[1..])
        {
            var others = meter.Samples(measure, range);
            // A pass in between has one more.
            sums = [.. sums.Zip(others, (sum, other) => sum with { Value = sum.Value + other.Value })];
        }
        return sums;
    }

    private static object WithSamples(double rate, List<Sample> samples)
    {
        var (newest, oldest) = (samples[0], samples[^1]);
        return new
        {
            rate,
            samples = samples.Select(sample => new { sample = sample.Value, timestamp = sample.AtMs }),
            avg_rate = newest.AtMs > oldest.AtMs ? (newest.Value - oldest.Value) * 1000.0 / (newest.AtMs - oldest.AtMs) : 0,
            avg = samples.Average(sample => sample.Value),
        };
    }

    private static SampleRange? RangeIn(IQueryCollection query, string name)
    {
        if (!DecimalDigits.TryParse(query[$"{name}_age"].ToString(), out var age) || !DecimalDigits.TryParse(query[$"{name}_incr"].ToString(), out var increment)) return null;
        return age is > 0 and <= int.MaxValue && increment is > 0 and <= int.MaxValue && age / increment <= SamplesMax
            ? new SampleRange((int)age, (int)increment)
            : throw new BadRequestException($"Invalid range parameters: age {age}, incr {increment}", "invalid_range_parameters");
    }
}
