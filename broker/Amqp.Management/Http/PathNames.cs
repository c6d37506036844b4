using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Amqp.Management.Http;

/// <summary>
/// The names in the path of a request. Route values will not do: the server leaves <c>%2F</c> in them as it is and decodes everything
/// else, so that the virtual host <c>/</c> and one called <c>%2F</c> would be the same. Hence from the bytes that were sent:
/// <code>
/// template   /api/queues/{vhost}/{queue}
/// request    /api/queues/%2F/my%20queue?columns=name      vhost "/", queue "my queue"
/// </code>
/// </summary>
internal readonly struct PathNames(HttpContext context)
{
    /// <summary>The name that stands where the template has that parameter.</summary>
    /// <exception cref="BadRequestException">It can be no name: it is not UTF-8, or what follows a <c>%</c> is no byte.</exception>
    public string this[string parameter]
    {
        get
        {
            var template = ((RouteEndpoint)context.GetEndpoint()!).RoutePattern.PathSegments;
            var index = template.Select((segment, place) => (segment, place))
                .Single(each => each.segment.Parts[0] is RoutePatternParameterPart part && part.Name == parameter).place;
            var path = context.Features.Get<IHttpRequestFeature>()!.RawTarget.Split('?')[0];
            var escaped = path.Split('/')[index + 1];
            var name = Uri.UnescapeDataString(escaped);
            // What it cannot unescape it leaves as it is, so that %E9 would be the name %25E9.
            if (name.AsSpan().Count('%') != escaped.AsSpan().Count("%25")) throw new BadRequestException($"'{escaped}' is not a name in UTF-8");
            return name;
        }
    }

    /// <summary>Lets a handler have it as an argument.</summary>
    public static ValueTask<PathNames> BindAsync(HttpContext context) => ValueTask.FromResult(new PathNames(context));
}
