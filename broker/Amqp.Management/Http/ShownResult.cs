using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>What is shown, with the fields that the query wants of it: see <see cref="Columns"/>.</summary>
internal sealed class ShownResult(object shown, string? definition) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Answer.Write(httpContext, Columns.In(httpContext.Request.Query, definition) is { } columns ? columns.Of(shown)! : shown);
}
